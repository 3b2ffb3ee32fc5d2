package sift_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/sift"
	"github.com/mqx-cli/mqx/internal/topic"
)

// passed sifts messages, written as "seconds topic payload", and returns those that pass.
func passed(t *testing.T, o sift.Options, stream ...string) []string {
	t.Helper()
	s := sift.New(o)
	var all []string
	for _, text := range stream {
		var seconds float64
		words := strings.SplitN(text, " ", 3)
		if _, err := fmt.Sscan(words[0], &seconds); err != nil {
			t.Fatal(err)
		}
		at := time.Unix(1000, 0).Add(time.Duration(seconds * float64(time.Second)))
		if _, ok := s.Sift(message.Message{Topic: words[1], Payload: []byte(words[2]), Time: at}); ok {
			all = append(all, text)
		}
	}
	return all
}

func TestSieveLetsPassWhatIsNew(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		options      sift.Options
		stream, want []string
	}{
		"changes, by topic": {
			sift.Options{Changes: true},
			[]string{"0 a 1", "0 a 1", "0 b 1", "0 a 2", "0 a 1", "0 b 1", "0 a 1"},
			[]string{"0 a 1", "0 b 1", "0 a 2", "0 a 1"},
		},
		"an empty payload is one": {
			sift.Options{Changes: true},
			[]string{"0 a ", "0 a ", "0 a x", "0 a "},
			[]string{"0 a ", "0 a x", "0 a "},
		},
		"every, by topic": {
			sift.Options{Every: time.Second},
			[]string{"0 a 1", "0.5 a 2", "0.5 b 1", "0.999 a 3", "1 a 4", "1.9 a 5", "2 a 6"},
			[]string{"0 a 1", "0.5 b 1", "1 a 4", "2 a 6"},
		},
		"a change in the pause of every is not lost": {
			sift.Options{Every: time.Second, Changes: true},
			[]string{"0 a 1", "0.5 a 2", "1.5 a 2", "3 a 2", "3.1 a 1"},
			[]string{"0 a 1", "1.5 a 2", "3.1 a 1"},
		},
		"ids, by topic": {
			sift.Options{Dedupe: "id"},
			[]string{`0 a {"id":1}`, `0 a {"id":2}`, `1 a {"id":1,"x":2}`, `1 b {"id":1}`, `1 a {"id":"1"}`},
			[]string{`0 a {"id":1}`, `0 a {"id":2}`, `1 b {"id":1}`, `1 a {"id":"1"}`},
		},
		"who has no id is no duplicate": {
			sift.Options{Dedupe: "id"},
			[]string{`0 a {}`, `0 a {}`, `0 a text`, `0 a text`, `0 a {"id":null}`, `0 a {"id":null}`},
			[]string{`0 a {}`, `0 a {}`, `0 a text`, `0 a text`, `0 a {"id":null}`, `0 a {"id":null}`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, passed(t, tt.options, tt.stream...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSieveNamesTheLevelsOfTopics(t *testing.T) {
	t.Parallel()
	template, err := topic.ParseTemplate("{root}/{site}/#")
	if err != nil {
		t.Fatal(err)
	}
	where, err := sift.NewWhere(`vars.site != "s2"`)
	if err != nil {
		t.Fatal(err)
	}
	s := sift.New(sift.Options{Capture: template, Where: where})
	known, ok := s.Sift(message.Message{Topic: "acme/s1/x"})
	if diff := cmp.Diff([]sift.Var{{Name: "root", Value: "acme"}, {Name: "site", Value: "s1"}}, known.Vars); diff != "" || !ok {
		t.Error(ok, diff)
	}
	if _, ok := s.Sift(message.Message{Topic: "acme/s2/x"}); ok {
		t.Error("s2 passed")
	}
	if known, ok := s.Sift(message.Message{Topic: "other"}); !ok || known.Vars != nil {
		t.Error("a topic of another shape", ok, known)
	}
}

func TestSieveForgetsInBoundedMemoryAndSaysSo(t *testing.T) {
	t.Parallel()
	s := sift.New(sift.Options{Dedupe: "id", Changes: true, Remember: 100})
	pass := func(name string, id int) bool {
		_, ok := s.Sift(message.Message{Topic: name, Payload: fmt.Appendf(nil, `{"id":%d}`, id)})
		return ok
	}
	for id := range 100 {
		pass("a", id)
	}
	if s.Forgot() != "" || pass("a", 0) || s.Duplicates() != 1 {
		t.Errorf("forgot %q, %d duplicates", s.Forgot(), s.Duplicates())
	}
	for id := 100; id < 1000; id++ {
		pass("a", id)
	}
	if !strings.Contains(s.Forgot(), "100 ids") {
		t.Errorf("forgot %q", s.Forgot())
	}
	if pass("a", 950) || !pass("a", 1) {
		t.Error("the recent ids are not those that are remembered")
	}
	if n := sift.Remembered(s); n > 200 {
		t.Errorf("%d ids are remembered", n)
	}
}
