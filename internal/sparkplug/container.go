package sparkplug

import (
	"fmt"
	"strconv"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/mqx-cli/mqx/internal/message"
)

// maxProperties bounds a property set, whose keys have to be remembered until its values are read.
const maxProperties = 100_000

// propertySet writes a PropertySet (section 6.4.8): an object with a member for each property.
func (w *writer) propertySet(p []byte) error {
	const keys, values = 1, 2
	var names, all [][]byte
	err := EachField(p, func(field protowire.Number, _ uint64, bytes []byte) error {
		switch field {
		case keys:
			names = append(names, bytes)
		case values:
			all = append(all, bytes)
		default: // of third parties
		}
		if max(len(names), len(all)) > maxProperties {
			return fmt.Errorf("a property set with more than %d properties", maxProperties)
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case len(names) != len(all):
		return fmt.Errorf("a property set has %d keys and %d values", len(names), len(all))
	}
	w.out = append(w.out, '{')
	for i, name := range names {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		if !utf8.Valid(name) {
			return errText
		}
		w.out = append(message.AppendJSONString(w.out, name), ':')
		if err := w.property(all[i]); err != nil {
			return err
		}
	}
	w.out = append(w.out, '}')
	return w.bounded()
}

// property writes a PropertyValue.
func (w *writer) property(p []byte) error {
	const typeField, isNull, firstValue = 1, 2, 3
	kinds := [...]valueKind{
		kindInt, kindLong, kindFloat, kindDouble, kindBoolean, kindString, kindPropertySet, kindPropertySets, kindExtension,
	}
	var v typed
	err := eachTyped(p, func(field protowire.Number, wire protowire.Type, number uint64, bytes []byte) (err error) {
		switch at := int(field - firstValue); {
		case field == typeField:
			v.dataType = dataType(uint32(number))
		case field == isNull:
			v.null = number != 0
		case at >= 0 && at < len(kinds):
			v.value, err = readScalar(kinds[at], wire, number, bytes)
		}
		return err
	})
	if err != nil {
		return err
	}
	w.out = append(w.out, '{')
	start := len(w.out)
	if v.dataType != 0 {
		w.out = v.dataType.append(append(w.out, `,"type":`...))
	}
	if err := w.member(`,"value":`, v.dataType, v.value, v.null); err != nil {
		return err
	}
	w.close(start)
	return nil
}

// typed is a value with its type.
type typed struct {
	dataType dataType
	null     bool
	value    scalar
}

// propertySets writes a PropertySetList.
func (w *writer) propertySets(p []byte) error {
	return w.list(p, 1, func(set []byte) error { return w.nested(set, w.propertySet) })
}

// list writes the messages in a field as an array.
func (w *writer) list(p []byte, in protowire.Number, write func([]byte) error) error {
	w.out = append(w.out, '[')
	first := true
	err := EachField(p, func(field protowire.Number, _ uint64, bytes []byte) error {
		if field != in {
			return nil
		}
		if !first {
			w.out = append(w.out, ',')
		}
		first = false
		if err := write(bytes); err != nil {
			return err
		}
		return w.bounded()
	})
	w.out = append(w.out, ']')
	return err
}

// dataSet writes a DataSet (section 6.4.10): its rows are arrays.
func (w *writer) dataSet(p []byte) error {
	const columnCount, columns, types, rows = 1, 2, 3, 4
	var of []dataType
	var stated *uint64
	err := eachTyped(p, func(field protowire.Number, wire protowire.Type, number uint64, bytes []byte) error {
		switch {
		case field == columnCount:
			stated = &number
		case field == types && wire == protowire.VarintType:
			of = append(of, dataType(uint32(number)))
		case field == types: // packed
			for len(bytes) > 0 {
				n, size := protowire.ConsumeVarint(bytes)
				if size < 0 {
					return ErrMalformed
				}
				of, bytes = append(of, dataType(uint32(n))), bytes[size:]
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	w.out = append(w.out, '{')
	if stated != nil {
		w.out = append(strconv.AppendUint(append(w.out, `"numOfColumns":`...), *stated, 10), ',')
	}
	w.out = append(w.out, `"columns":`...)
	if err := w.list(p, columns, func(name []byte) error { return w.text("", name) }); err != nil {
		return err
	}
	w.out = append(w.out, `,"types":[`...)
	for i, t := range of {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.out = t.append(w.out)
		if err := w.bounded(); err != nil {
			return err
		}
	}
	w.out = append(w.out, `],"rows":`...)
	if err := w.list(p, rows, func(row []byte) error { return w.row(row, of) }); err != nil {
		return err
	}
	w.out = append(w.out, '}')
	return nil
}

// row writes a row, whose elements have the types of their columns. One without a value is null.
func (w *writer) row(p []byte, of []dataType) error {
	i := 0
	return w.list(p, 1, func(element []byte) error {
		var t dataType
		if i < len(of) {
			t = of[i]
		}
		i++
		v, err := readValue(element, 1)
		if err != nil {
			return err
		}
		return w.member("", t, v, v.kind == 0)
	})
}

// readValue reads the value of a message whose fields from first on are int, long, float, double, boolean, string, extension.
func readValue(p []byte, first protowire.Number) (v scalar, err error) {
	kinds := [...]valueKind{kindInt, kindLong, kindFloat, kindDouble, kindBoolean, kindString, kindExtension}
	err = eachTyped(p, func(field protowire.Number, wire protowire.Type, number uint64, bytes []byte) (err error) {
		if at := int(field - first); at >= 0 && at < len(kinds) {
			v, err = readScalar(kinds[at], wire, number, bytes)
		}
		return err
	})
	return v, err
}

// template writes a Template (section 6.4.12).
func (w *writer) template(p []byte) error {
	const version, metrics, parameters, reference, isDefinition = 1, 2, 3, 4, 5
	w.out = append(w.out, '{')
	start := len(w.out)
	err := eachTyped(p, func(field protowire.Number, wire protowire.Type, number uint64, bytes []byte) error {
		switch {
		case field == version && wire == protowire.BytesType:
			return w.text(`,"version":`, bytes)
		case field == reference && wire == protowire.BytesType:
			return w.text(`,"templateRef":`, bytes)
		case field == isDefinition && wire == protowire.VarintType:
			w.out = strconv.AppendBool(append(w.out, `,"isDefinition":`...), number != 0)
		}
		return nil
	})
	if err != nil {
		return err
	}
	w.out = append(w.out, `,"metrics":`...)
	if err := w.metrics(p, metrics); err != nil {
		return err
	}
	w.out = append(w.out, `,"parameters":`...)
	if err := w.list(p, parameters, w.parameter); err != nil {
		return err
	}
	w.close(start)
	return nil
}

// parameter writes a parameter of a template.
func (w *writer) parameter(p []byte) error {
	const name, typeField, firstValue = 1, 2, 3
	w.out = append(w.out, '{')
	start := len(w.out)
	var t dataType
	err := EachField(p, func(field protowire.Number, number uint64, bytes []byte) error {
		switch field {
		case name:
			return w.text(`,"name":`, bytes)
		case typeField:
			t = dataType(uint32(number))
		default: // the value
		}
		return nil
	})
	if err != nil {
		return err
	}
	if t != 0 {
		w.out = t.append(append(w.out, `,"type":`...))
	}
	v, err := readValue(p, firstValue)
	if err != nil {
		return err
	}
	if err := w.member(`,"value":`, t, v, false); err != nil {
		return err
	}
	w.close(start)
	return nil
}
