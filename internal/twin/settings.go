package twin

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/mqx-cli/mqx/internal/payload"
)

// checkSettings looks for what does not belong into a retained document: secrets, and actions.
func (w *writing) checkSettings(o SetOptions) error {
	for _, e := range w.edits {
		if e.Removed {
			continue
		}
		tokens, err := parsePointer(e.Pointer)
		if err != nil {
			return err
		}
		if err := checkSetting(tokens, e.Value, o); err != nil {
			return err
		}
	}
	return nil
}

func checkSetting(tokens []string, value any, o SetOptions) error {
	name := ""
	if len(tokens) > 0 {
		name = tokens[len(tokens)-1]
	}
	switch v := value.(type) {
	case State:
		for inner, below := range v {
			if err := checkSetting(append(slices.Clip(tokens), inner), below, o); err != nil {
				return err
			}
		}
	case []any:
		for _, element := range v {
			if err := checkSetting(tokens, element, o); err != nil {
				return err
			}
		}
	case string, json.Number: // password=1234 is a number
		if kind := payload.Secret(name, fmt.Sprint(v)); kind != "" && !o.AllowSecret {
			return fmt.Errorf("%s looks like %s, and whoever may read the topic can read what is retained (P024); --allow-secret lets it pass",
				joinPointer(tokens), kind)
		}
	}
	if payload.Action(name) && !o.Force {
		return fmt.Errorf("%s is an action: the device would carry it out again at every reconnect (S008); send a command (mqx cmd send), "+
			"or --force it", joinPointer(tokens))
	}
	return nil
}
