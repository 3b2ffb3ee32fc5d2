package commands

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/decode"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/protofile"
	"github.com/mqx-cli/mqx/internal/topic"
)

// decodeOptions are the flags that say in which form payloads come.
type decodeOptions struct {
	form  string
	file  string
	paths []string
	types []protoType
}

// protoType is of which type the payloads of some topics are.
type protoType struct {
	filter *topic.Filter // nil for all
	name   string
}

func (o *decodeOptions) addFlags(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.Var(choiceFlag{&o.form, decode.Forms()}, "decode", "what form payloads come in, to see what is in them; before all else")
	fs.StringVar(&o.file, "proto", "", "the .proto file, or descriptor set, that Protobuf payloads follow")
	fs.Var(protoTypesFlag{&o.types}, "proto-type", "their message type; FILTER=TYPE is for some topics (repeatable)")
	fs.Var(pathsFlag{&o.paths}, "proto-path", "where files that --proto imports are (repeatable)")
}

// decoder returns what decodes payloads, nil when nothing does. --proto alone asks for Protobuf.
func (o *decodeOptions) decoder(cmd *cobra.Command) (*decode.Decoder, error) {
	form := payload.Decoding(o.form)
	switch {
	case o.form == "" && o.file != "":
		form = decode.Protobuf
	case o.file == "" && (len(o.types) > 0 || len(o.paths) > 0):
		return nil, usageError(cmd, "--proto-type and --proto-path need --proto, the file that defines the types")
	case form == decode.Protobuf && o.file == "":
		return nil, usageError(cmd, "--decode protobuf needs --proto, the file that defines the type")
	case o.file != "" && form != decode.Protobuf && form != payload.DecodeAuto:
		return nil, usageError(cmd, "--proto goes with --decode protobuf or auto, not with %s", form)
	}
	if form == "" {
		return nil, nil //nolint:nilnil // nothing to decode is a good answer
	}
	protos, err := o.load(cmd)
	if err != nil {
		return nil, err
	}
	return decode.New(form, protos), nil
}

func (o *decodeOptions) load(cmd *cobra.Command) ([]decode.Proto, error) {
	if o.file == "" {
		return nil, nil
	}
	schema, err := protofile.Load(o.file, o.paths)
	if err != nil {
		return nil, exit.Wrap(exit.Usage, "--proto", "", err)
	}
	types := o.types
	if len(types) == 0 {
		types = []protoType{{}}
	}
	var some, all []decode.Proto
	for _, t := range types {
		of, err := schema.Type(t.name)
		if err != nil {
			return nil, exit.Wrap(exit.Usage, "--proto-type", "", err)
		}
		p := decode.Proto{Filter: t.filter, Type: of}
		if t.filter == nil {
			all = append(all, p)
		} else {
			some = append(some, p)
		}
	}
	if len(all) > 1 {
		return nil, usageError(cmd, "--proto-type names %d types for all topics: FILTER=TYPE says which is for which", len(all))
	}
	return append(some, all...), nil
}

// protoTypesFlag takes TYPE or FILTER=TYPE, repeatedly.
type protoTypesFlag struct{ list *[]protoType }

// Set adds a type.
func (f protoTypesFlag) Set(s string) error {
	t := protoType{name: s}
	if i := strings.LastIndexByte(s, '='); i >= 0 {
		filter, err := topic.ParseFilter(s[:i])
		if err != nil {
			return err
		}
		t = protoType{filter: &filter, name: s[i+1:]}
	}
	*f.list = append(*f.list, t)
	return nil
}

// SetLine adds a type from the environment.
func (f protoTypesFlag) SetLine(s string) error { return f.Set(s) }

// String returns the value.
func (f protoTypesFlag) String() string {
	if f.list == nil {
		return ""
	}
	all := make([]string, len(*f.list))
	for i, t := range *f.list {
		if all[i] = t.name; t.filter != nil {
			all[i] = t.filter.String() + "=" + t.name
		}
	}
	return strings.Join(all, "\n")
}

// Type names the value in help.
func (protoTypesFlag) Type() string { return "TYPE" }

// pathsFlag takes a path, repeatedly.
type pathsFlag struct{ list *[]string }

// Set adds a path.
func (f pathsFlag) Set(s string) error {
	*f.list = append(*f.list, s)
	return nil
}

// SetLine adds a path from the environment.
func (f pathsFlag) SetLine(s string) error { return f.Set(s) }

// String returns the value.
func (f pathsFlag) String() string {
	if f.list == nil {
		return ""
	}
	return strings.Join(*f.list, "\n")
}

// Type names the value in help.
func (pathsFlag) Type() string { return "DIR" }
