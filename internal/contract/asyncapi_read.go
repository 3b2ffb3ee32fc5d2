package contract

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/yamlfile"
)

// extension is the key under which an AsyncAPI document says what AsyncAPI has no words for.
const extension = "x-mqx"

// asyncReader reads an AsyncAPI 3 document. A channel becomes a kind; who publishes to it, and how, is what the operations
// say. The document is taken as the one of a device: what it sends is published by devices.
type asyncReader struct {
	*reader
	body      ast.Node
	document  any // the document as a value of payload.Parse, in which schemas are looked up
	channels  map[string]*asyncChannel
	order     []string
	names     map[string]string // of schemas by their JSON Pointer
	mediaType string            // of payloads that do not say theirs
	service   bool              // the document is the one of a service
	taxonomy  string
}

// asyncChannel is a channel on its way to become a kind.
type asyncChannel struct {
	kindPair
	pointer  string
	messages []asyncMessage
	sends    bool
	receives bool
}

// asyncMessage is what is of interest of a message.
type asyncMessage struct {
	schema  string // the name of a schema
	pointer string // of its payload
}

// readAsyncAPI reads the document instead of a contract file.
func (r *reader) readAsyncAPI(body ast.Node, version yamlfile.Pair) {
	text, err := r.Text(version.Value)
	if err != nil || !strings.HasPrefix(text, "3.") {
		r.Problem(version.Place(), fmt.Sprintf("asyncapi: %q is not read", text), "this mqx reads AsyncAPI 3")
		return
	}
	a := &asyncReader{reader: r, body: body, channels: map[string]*asyncChannel{}, names: map[string]string{}}
	if a.document, err = r.Value(body); err != nil {
		r.Problem(body.GetToken(), err.Error(), "")
		return
	}
	r.c.AsyncAPI, r.c.Limits = true, guideLimits()
	a.read()
}

func (a *asyncReader) read() {
	sections := map[string]yamlfile.Pair{}
	a.object(yamlfile.Pair{Name: a.file, Value: a.body}, nil, asyncKeys{
		used:   []string{"info", "servers", "defaultContentType", "channels", "operations", "components", extension},
		silent: []string{"asyncapi", "id"},
	}, func(p yamlfile.Pair, _ []string) error { sections[p.Name] = p; return nil })
	for _, s := range []struct {
		name string
		read setFunc
	}{
		{extension, a.extension},
		{"info", a.info},
		{"defaultContentType", a.text(&a.mediaType)},
		{"components", a.components},
		{"servers", a.each(a.server)},
		{"channels", a.each(a.channel)},
		{"operations", a.each(a.operation)},
	} {
		if p, ok := sections[s.name]; ok {
			if err := s.read(p, []string{s.name}); err != nil {
				a.fault(p.Place(), p.Name, err)
			}
		}
	}
	if a.Problems() == 0 {
		a.finish()
	}
}

func (a *asyncReader) info(p yamlfile.Pair, path []string) error {
	a.object(p, path, asyncKeys{used: []string{"title"}, silent: []string{"version", "termsOfService", "contact", "license"}}, a.text(&a.c.Name))
	return nil
}

// extension reads what AsyncAPI has no words for.
func (a *asyncReader) extension(p yamlfile.Pair, path []string) error {
	keys := []string{"taxonomy", "username", "client_id", "application", "schemas"}
	a.mapping(p, path, keys, func(p yamlfile.Pair, path []string) error {
		switch p.Name {
		case "taxonomy":
			return a.text(&a.taxonomy)(p, path)
		case "username":
			return a.login(&a.c.Devices.Username)(p, path)
		case "client_id":
			return a.login(&a.c.Devices.ClientID)(p, path)
		case "application":
			var who string
			err := a.word(&who, string(FromDevice), string(FromService))(p, path)
			a.service = who == string(FromService)
			return err
		default:
			a.mapping(p, path, nil, func(p yamlfile.Pair, _ []string) error {
				text, err := a.Text(p.Value)
				a.names[strings.TrimPrefix(text, "#")] = p.Name
				return err
			})
			return nil
		}
	})
	return nil
}

func (a *asyncReader) components(p yamlfile.Pair, path []string) error {
	a.object(p, path, asyncKeys{
		used: []string{"schemas"},
		silent: []string{
			"servers", "channels", "operations", "messages", "securitySchemes", "serverVariables", "parameters", "correlationIds",
			"replies", "replyAddresses", "operationTraits", "messageTraits", "serverBindings", "channelBindings", "operationBindings",
			"messageBindings",
		},
	}, a.each(func(p yamlfile.Pair, path []string) error {
		pointer := pointerTo(path...)
		name := a.names[pointer]
		if name == "" {
			name = p.Name
		}
		return a.addSchema(name, pointer, p)
	}))
	return nil
}

// addSchema compiles a schema of the document.
func (a *asyncReader) addSchema(name, pointer string, p yamlfile.Pair) error {
	s, err := payload.PartSchema(a.file, a.document, pointer)
	if err != nil {
		return err
	}
	a.names[pointer] = name
	text, err := a.Value(p.Value)
	a.c.Schemas = append(a.c.Schemas, &Schema{Name: name, At: a.place(p.Key), value: text, schema: s})
	return err
}

// finish makes kinds of the channels.
func (a *asyncReader) finish() {
	a.findBase()
	for _, name := range a.order {
		ch := a.channels[name]
		ch.from = a.fromOf(ch)
		k, err := a.c.newKind(ch.kindSpec)
		if err != nil {
			a.Problem(ch.pair.Key, err.Error(), "")
			continue
		}
		a.c.Kinds = append(a.c.Kinds, k)
	}
	if a.Problems() > 0 {
		return
	}
	for _, check := range a.checks {
		check()
	}
	a.sortNames()
	a.c.compile()
	a.checkAmbiguity()
}

// fromOf says who publishes to a channel, from the view of the application that the document is about.
func (a *asyncReader) fromOf(ch *asyncChannel) Party {
	switch {
	case ch.sends == ch.receives:
		if !ch.sends {
			a.left(ch.pair.Key, "no operation says who publishes to %s", ch.name)
		}
		return FromAnybody
	case ch.sends != a.service:
		return FromDevice
	default:
		return FromService
	}
}

// findBase finds what the channels of devices begin with.
func (a *asyncReader) findBase() {
	if a.taxonomy != "" {
		if err := a.c.setTaxonomy(a.taxonomy); err != nil {
			a.Problem(nil, err.Error(), "")
		}
		return
	}
	count, best := map[string]int{}, ""
	for _, name := range a.order {
		before, _, ok := strings.Cut("/"+a.channels[name].topic+"/", "/{device}/")
		if !ok {
			continue
		}
		base := strings.TrimPrefix(before+"/{device}", "/")
		if count[base]++; count[base] > count[best] {
			best = base
		}
	}
	if best == "" {
		return
	}
	if err := a.c.setTaxonomy(best + "/{kind}"); err != nil {
		a.left(nil, "%v", err)
		return
	}
	if len(count) > 1 {
		a.left(nil, "not all channels of devices begin with %s: only what does has a base topic", best)
	}
}

// roleOfAddress takes the role from what an address says behind the device.
func (c *Contract) roleOfAddress(address string) Role {
	rest, ok := strings.CutPrefix(address, strings.Join(c.base, "/")+"/")
	if !ok || len(c.base) == 0 {
		return Other
	}
	for _, role := range roleNames() {
		after, ok := strings.CutPrefix(rest, role)
		if ok && (after == "" || strings.HasPrefix(after, "/{") || strings.HasPrefix(after, "/+")) {
			return Role(role)
		}
	}
	return Other
}

// checkAddress checks an address.
func checkAddress(text string) error {
	_, err := topic.ParseTemplate(text)
	return err
}
