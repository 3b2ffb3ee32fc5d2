package commands

import (
	"errors"
	"fmt"
	"strconv"
)

// valueError puts what the standard library says about a flag's value into our words.
func valueError(err error) error {
	number, ok := errors.AsType[*strconv.NumError](err)
	switch {
	case !ok:
		return err
	case number.Func == "ParseBool":
		return fmt.Errorf("%q is neither true nor false", number.Num)
	case errors.Is(number.Err, strconv.ErrRange):
		return fmt.Errorf("%q is out of range", number.Num)
	default:
		return fmt.Errorf("%q is not a whole number", number.Num)
	}
}
