package contract

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/yamlfile"
)

// maxInventoryProblems bounds how many bad rows are told.
const maxInventoryProblems = 5

// row is a device as an inventory has it: values by column.
type row struct {
	values map[string]string
	at     Position
}

// readInventory reads the devices: a CSV file, or a list of mappings with the same keys.
func (r *reader) readInventory() {
	c := r.c
	c.inventory = inventory{byBase: map[string]int{}, byLast: map[string][]int{}}
	if r.inventory.Value == nil || r.Problems() > 0 {
		return
	}
	c.Devices.HasInventory = true
	var rows []row
	var err error
	if items, isList := r.Items(r.inventory.Value); isList {
		rows = r.listedRows(items)
	} else {
		rows, err = r.fileRows()
	}
	if err != nil {
		r.fault(r.inventory.Place(), "inventory", err)
		return
	}
	bad := 0
	for _, row := range rows {
		if err := c.addDevice(row); err != nil {
			if bad++; bad > maxInventoryProblems {
				return
			}
			r.badRow(row, err)
		}
	}
}

// badRow notes a bad row where it is, or at the name of the file that has it.
func (r *reader) badRow(row row, err error) {
	if row.at.File == r.file {
		r.problemAt(row.at, "inventory: "+err.Error(), "")
		return
	}
	r.fault(r.inventory.Place(), "inventory", fmt.Errorf("%s: %w", row.at, err))
}

// columns are the columns that mean something, beside the variables of the base topic.
func (c *Contract) columns() []string {
	columns := []string{"username", "client_id", "env"}
	for _, level := range c.base {
		if name, isVar := variableName(level); isVar {
			columns = append(columns, name)
		}
	}
	return columns
}

func (r *reader) listedRows(items []ast.Node) []row {
	var rows []row
	for _, item := range items {
		row := row{values: map[string]string{}, at: r.place(item.GetToken())}
		if pairs, ok := r.Pairs(item); ok && len(pairs) > 0 {
			row.at = r.place(pairs[0].Key)
		}
		pair := yamlfile.Pair{Name: "inventory", Key: item.GetToken(), Value: item}
		r.mapping(pair, []string{"devices", "inventory", ""}, r.c.columns(), func(p yamlfile.Pair, _ []string) (err error) {
			row.values[p.Name], err = r.Text(p.Value)
			return err
		})
		rows = append(rows, row)
	}
	return rows
}

// fileRows reads a CSV file whose first line names the columns. Columns without a meaning here are left out.
func (r *reader) fileRows() ([]row, error) {
	name, err := r.Text(r.inventory.Value)
	if err != nil {
		return nil, faultf("write the name of a CSV file, or a list of devices", "a file is expected")
	}
	file := r.relative(name)
	r.c.Devices.InventoryFile = file
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := csv.NewReader(f)
	in.TrimLeadingSpace, in.Comment = true, '#'
	header, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: the first line names the columns: %w", file, err)
	}
	for i := range header {
		header[i] = strings.TrimSpace(strings.TrimPrefix(header[i], "\ufeff"))
	}
	if !slices.Contains(header, "device") {
		return nil, faultf("", "%s: no column is called device", file)
	}
	r.likelySlips(file, header)
	return csvRows(in, file, header)
}

// likelySlips notes columns that are left out, but look like one that would mean something.
func (r *reader) likelySlips(file string, header []string) {
	known := r.c.columns()
	for _, column := range header {
		next := yamlfile.DidYouMean(column, known)
		if !slices.Contains(known, column) && strings.HasPrefix(next, "did you mean") {
			at := Position{File: file, Line: 1, Column: 1}
			r.c.Notes = append(r.c.Notes, Note{at, fmt.Sprintf("the column %q is left out - %s", column, next)})
		}
	}
}

func csvRows(in *csv.Reader, file string, header []string) ([]row, error) {
	var rows []row
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		line, _ := in.FieldPos(0)
		row := row{values: make(map[string]string, len(header)), at: Position{file, line, 1}}
		for i, column := range header {
			row.values[column] = strings.TrimSpace(record[i])
		}
		rows = append(rows, row)
	}
}

// addDevice adds the device of a row: one for every root when the row does not say which.
func (c *Contract) addDevice(r row) error {
	roots, err := c.rootsOf(r)
	if err != nil {
		return err
	}
	vars := map[string]string{}
	for _, level := range c.base {
		name, isVar := variableName(level)
		if !isVar || name == "root" {
			continue
		}
		value := r.values[name]
		if only := c.Variables[name].Values; value == "" && len(only) == 1 {
			value = only[0]
		}
		if value == "" {
			return fmt.Errorf("%s is missing", name)
		}
		if strings.Contains(value, "/") {
			return fmt.Errorf("%s: %q is more than one level", name, value)
		}
		if !c.Variables[name].Allows(value) {
			return fmt.Errorf("%s: %q is not allowed by the contract", name, value)
		}
		vars[name] = value
	}
	for _, root := range roots {
		if err := c.addDeviceAt(root, vars, r); err != nil {
			return err
		}
	}
	return nil
}

// rootsOf returns the roots that a row is about.
func (c *Contract) rootsOf(r row) ([]string, error) {
	if !slices.Contains(c.base, "{root}") {
		return []string{""}, nil
	}
	text, env := r.values["root"], r.values["env"]
	if text != "" && len(c.Roots) == 0 {
		return []string{text}, nil
	}
	var roots []string
	for _, root := range c.Roots {
		if (text == "" || root.Text == text) && (env == "" || root.Env == env) {
			roots = append(roots, root.Text)
		}
	}
	switch {
	case len(roots) > 0:
		return roots, nil
	case len(c.Roots) == 0:
		return nil, errors.New("the contract has no root, and there is no column root")
	default:
		return nil, fmt.Errorf("%q is no root of the contract", text+env)
	}
}

func (c *Contract) addDeviceAt(root string, shared map[string]string, r row) error {
	vars := maps.Clone(shared)
	if root != "" {
		vars["root"] = root
	}
	base, ok := c.baseOf(vars)
	if !ok {
		return errors.New("a variable is missing") // addDevice has looked
	}
	if _, err := topic.ParseName(base); err != nil {
		return err
	}
	if i, ok := c.inventory.byBase[base]; ok {
		return fmt.Errorf("%s is there already, at %s", base, c.Devices.Inventory[i].At)
	}
	d := c.newDevice(base, vars)
	d.At = r.at
	if text := r.values["username"]; text != "" {
		d.Username = text
	}
	if text := r.values["client_id"]; text != "" {
		d.ClientID = text
	}
	n := len(c.Devices.Inventory)
	last := base[strings.LastIndexByte(base, '/')+1:]
	c.inventory.byBase[base] = n
	c.inventory.byLast[last] = append(c.inventory.byLast[last], n)
	c.Devices.Inventory = append(c.Devices.Inventory, d)
	return nil
}
