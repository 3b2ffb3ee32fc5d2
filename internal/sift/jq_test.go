package sift_test

import (
	"context"
	"testing"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/sift"
)

func TestJQThatCalculatesForEverEndsWithItsContext(t *testing.T) {
	t.Parallel()
	q, err := sift.NewJQ("def f: f; f")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = q.Run(ctx, message.Message{Topic: "a", Payload: []byte("1")}, nil, func(sift.JQValue) { t.Error("there is a result") })
	if err == nil || err.Error() != context.Canceled.Error() {
		t.Errorf("got %v", err)
	}
}
