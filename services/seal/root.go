package seal

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

// RootBytes is the least length of a root secret.
const RootBytes = 32

// maxRootText bounds what is read from a root file.
const maxRootText = 4096

// Root is a root secret. It prints as a placeholder, whatever the verb.
type Root struct{ secret []byte }

// String never shows the secret.
func (Root) String() string { return "root secret (hidden)" }

// GoString never shows the secret.
func (r Root) GoString() string { return r.String() }

// Format never shows the secret.
func (r Root) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(r.String())) }

// LogValue never shows the secret.
func (r Root) LogValue() slog.Value { return slog.StringValue(r.String()) }

// NewRoot draws a fresh root secret of 256 bits.
func NewRoot() Root {
	secret := make([]byte, RootBytes)
	_, _ = rand.Read(secret) // never fails: crypto/rand ends the program instead
	return Root{secret}
}

// ParseRoot reads a root secret from text, as it stands in a file or an environment variable: hexadecimal, or base64
// in either alphabet with or without padding, of at least 32 bytes. White space around it is ignored. Anything else,
// a pass phrase for instance, is refused: it is not random enough.
func ParseRoot(text string) (Root, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return Root{}, errors.New("root secret: empty")
	}
	secret, ok := decodeRoot(text)
	if !ok {
		return Root{}, errors.New("root secret: neither hexadecimal nor base64")
	}
	if len(secret) < RootBytes {
		return Root{}, fmt.Errorf("root secret: %d bytes, want at least %d", len(secret), RootBytes)
	}
	if distinct(secret) < 8 {
		return Root{}, errors.New("root secret: not random (too few different bytes)")
	}
	return Root{secret}, nil
}

func decodeRoot(text string) ([]byte, bool) {
	if secret, err := hex.DecodeString(text); err == nil {
		return secret, true
	}
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	secret, err := base64.RawStdEncoding.DecodeString(text)
	return secret, err == nil
}

func distinct(b []byte) int {
	var seen [256]bool
	n := 0
	for _, c := range b {
		if !seen[c] {
			seen[c], n = true, n+1
		}
	}
	return n
}

// ReadRoot reads a root secret from a file.
func ReadRoot(path string) (Root, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Root{}, fmt.Errorf("root secret: %w", err)
	}
	if info.Size() > maxRootText {
		return Root{}, fmt.Errorf("root secret: %s has %d bytes, more than any root secret", path, info.Size())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return Root{}, fmt.Errorf("root secret: %w", err)
	}
	root, err := ParseRoot(string(text))
	if err != nil {
		return Root{}, fmt.Errorf("%s: %w", path, err)
	}
	return root, nil
}

// OpenRoot reads the root secret in a file, or makes one there, readable by its owner alone, when the file does not
// exist. Two processes that start together end up with the same secret, and a crash leaves a whole file or none.
func OpenRoot(path string) (root Root, created bool, err error) {
	root, err = ReadRoot(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return root, false, err
	}
	err = writeRoot(path, NewRoot())
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return Root{}, false, fmt.Errorf("root secret: %w", err)
	}
	created = err == nil
	root, err = ReadRoot(path)
	return root, created, err
}

// writeRoot writes beside the place and links into it: a link never replaces a file that is there already.
func writeRoot(path string, root Root) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".root-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }()
	_, err = file.WriteString(base64.RawURLEncoding.EncodeToString(root.secret) + "\n")
	err = errors.Join(err, file.Sync(), file.Close())
	if err != nil {
		return err
	}
	return os.Link(file.Name(), path)
}
