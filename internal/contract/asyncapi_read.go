package contract

import (
	"github.com/goccy/go-yaml/ast"

	"github.com/mqx-cli/mqx/internal/yamlfile"
)

func (r *reader) readAsyncAPI(ast.Node, yamlfile.Pair) {}
