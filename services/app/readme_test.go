package app

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/campaign"
)

const readme = "../../README.md"

// TestReadme compares the README's tables with what the program is made of. WANTGO_REWRITE=1 writes them instead.
func TestReadme(t *testing.T) {
	var cli CLI
	parser, err := newParser(&cli, io.Discard, io.Discard)
	require.NoError(t, err)
	text, err := os.ReadFile(readme)
	require.NoError(t, err)
	want := replaced(t, replaced(t, string(text), "configuration", configurationTable(parser.Model)), "reasons", reasonTable())
	if os.Getenv("WANTGO_REWRITE") != "" {
		require.NoError(t, os.WriteFile(readme, []byte(want), 0o644))
		return
	}
	require.Equal(t, want, string(text), "make docs writes the tables anew")
}

// replaced puts a table between its marks.
func replaced(t *testing.T, text, mark, table string) string {
	t.Helper()
	begin := fmt.Sprintf("<!-- %s: made by `make docs` -->\n", mark)
	before, rest, ok := strings.Cut(text, begin)
	require.True(t, ok, mark)
	_, after, ok := strings.Cut(rest, "<!-- end -->")
	require.True(t, ok, mark)
	return before + begin + "\n" + table + "\n<!-- end -->" + after
}

func configurationTable(app *kong.Application) string {
	var b strings.Builder
	b.WriteString("| flag | variable | default | meaning |\n|---|---|---|---|\n")
	serve := commandOf(app, "serve")
	for _, f := range append(slices.Clone(app.Flags), serve.Flags...) {
		if len(f.Envs) == 0 {
			continue
		}
		value := f.Default
		if f.Name == "data-dir" {
			value = "~/.local/share/wantgo; as root /var/lib/wantgo"
		}
		fmt.Fprintf(&b, "| `--%s` | `%s` | %s | %s |\n", f.Name, f.Envs[0], value, strings.ReplaceAll(f.Help, "|", `\|`))
	}
	return b.String()
}

func reasonTable() string {
	var b strings.Builder
	b.WriteString("| code | `why` | what it says |\n|---|---|---|\n")
	for _, w := range campaign.Wordings() {
		why := ""
		if w.Why != "" {
			why = "`" + w.Why + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", w.Reason, why, w.English)
	}
	return b.String()
}
