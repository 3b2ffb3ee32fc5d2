package mosquittoconf

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mqx-cli/mqx/internal/atomicfile"
)

// The names in a folder.
const (
	ConfFile    = "mosquitto.conf"
	ComposeFile = "compose.yaml"
	UsersFile   = "passwords"
	ACLFile     = "acl"
	CertFile    = "server.crt"
	KeyFile     = "server.key"
	ClientCA    = "client-ca.crt"
	BridgeCA    = "bridge-ca.crt"
	DataFolder  = "data"
)

// File is a file for a folder.
type File struct {
	Name string
	Data []byte
	// Secret files can be read by their owner only.
	Secret bool
}

// ExistsError is a file that is there already.
type ExistsError struct{ Path string }

// Error names the file.
func (e *ExistsError) Error() string { return e.Path + " exists" }

// Write puts files into a folder, which is made if it is missing, and returns their paths. If one of them is there, it changes
// nothing and returns an [ExistsError], unless force says to replace them.
func Write(dir string, files []File, force bool) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // Mosquitto has a user of its own, who must get in
		return nil, err
	}
	var paths []string
	for _, f := range files {
		path := filepath.Join(dir, f.Name)
		if _, err := os.Lstat(path); err == nil && !force {
			return nil, &ExistsError{path}
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		paths = append(paths, path)
	}
	for i, f := range files {
		mode := fs.FileMode(0o644)
		if f.Secret {
			mode = 0o600
		}
		if err := atomicfile.Write(paths[i], mode, f.Data); err != nil {
			return nil, fmt.Errorf("%s: %w", paths[i], err)
		}
	}

	return paths, nil
}
