package app

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/alecthomas/kong"
	kongyaml "github.com/alecthomas/kong-yaml"
	"sigs.k8s.io/yaml"
)

// file is the configuration file. A flag of a command is looked for below the command's name first, then at the top,
// where shared settings stand once for all commands.
type file struct {
	kong.Resolver
	keys map[string]any
}

// readSettings reads a configuration file.
func readSettings(r io.Reader) (kong.Resolver, error) {
	text, err := io.ReadAll(io.LimitReader(r, 1<<20))
	if err != nil {
		return nil, err
	}
	f := &file{}
	if err := yaml.UnmarshalStrict(text, &f.keys); err != nil {
		return nil, fmt.Errorf("configuration file: %w", err)
	}
	f.Resolver, err = kongyaml.Loader(bytes.NewReader(text))
	return f, err
}

// Resolve finds a flag's value, unless a variable has it already.
func (f *file) Resolve(ctx *kong.Context, parent *kong.Path, flag *kong.Flag) (any, error) {
	if slices.ContainsFunc(flag.Envs, func(name string) bool { _, set := os.LookupEnv(name); return set }) {
		return nil, nil
	}
	value, err := f.Resolver.Resolve(ctx, parent, flag)
	if value != nil || err != nil || len(flag.Envs) == 0 {
		return value, err
	}
	return f.Resolver.Resolve(ctx, &kong.Path{App: ctx.Model}, flag)
}

// Validate refuses keys that no flag has, all of them together: a misspelt setting must not be one that is not set.
func (f *file) Validate(app *kong.Application) error {
	var faults []error
	for _, key := range slices.Sorted(maps.Keys(f.keys)) {
		below, nested := f.keys[key].(map[string]any)
		command := commandOf(app, key)
		switch {
		case nested && command != nil:
			for _, name := range slices.Sorted(maps.Keys(below)) {
				if !hasFlag(command, name, false) {
					faults = append(faults, fmt.Errorf("%s: %s has no such setting", name, key))
				}
			}
		case nested || !slices.ContainsFunc(append(app.Children, app.Node), func(n *kong.Node) bool { return hasFlag(n, key, true) }):
			faults = append(faults, fmt.Errorf("%s: no such setting", key))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("configuration file: %w", errors.Join(faults...))
}

func commandOf(app *kong.Application, name string) *kong.Node {
	i := slices.IndexFunc(app.Children, func(n *kong.Node) bool { return n.Name == name })
	if i < 0 {
		return nil
	}
	return app.Children[i]
}

// hasFlag tells whether a command has a flag; shared: one with a variable, so that it may stand at the top.
func hasFlag(n *kong.Node, name string, shared bool) bool {
	return slices.ContainsFunc(n.Flags, func(f *kong.Flag) bool { return f.Name == name && (!shared || len(f.Envs) > 0) })
}
