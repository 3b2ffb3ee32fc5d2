package users

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Credential is a user name and a password in clear.
type Credential struct{ Name, Password string }

// ReadTable reads users from a CSV file whose first line names the columns: username, or device where that is missing or
// empty, and password, which may be missing or empty. Other columns are passed over, and so are lines that begin with #.
func ReadTable(r io.Reader) ([]Credential, error) {
	in := csv.NewReader(r)
	in.TrimLeadingSpace, in.Comment = true, '#'
	header, err := in.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("it is empty: the first line names the columns")
	} else if err != nil {
		return nil, err
	}
	for i := range header {
		header[i] = strings.TrimSpace(strings.TrimPrefix(header[i], "\ufeff"))
	}
	name, device, password := slices.Index(header, "username"), slices.Index(header, "device"), slices.Index(header, "password")
	if name < 0 && device < 0 {
		return nil, fmt.Errorf("no column is called username or device, there are: %s", strings.Join(header, ", "))
	}
	var all []Credential
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		c := Credential{cell(row, name), cell(row, password)}
		if c.Name == "" {
			c.Name = cell(row, device)
		}
		if err := CheckName(c.Name); err != nil {
			line, _ := in.FieldPos(0)

			return nil, &LineError{line, err.Error()}
		}
		all = append(all, c)
	}
}

// cell returns a value of a row, "" when there is no such column.
func cell(row []string, column int) string {
	if column < 0 {
		return ""
	}

	return strings.TrimSpace(row[column])
}
