package postgres_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/postgres/postgrestest"
)

// plainStatements are the declarations whose SQL a distributed database never sees, each with the reason. A file
// stands for all that is in it.
var plainStatements = map[string]string{
	"databases.go":                 "databases of tests",
	"schemas.go":                   "schemas of tests",
	"places.go":                    "a check from outside, over the whole table",
	"distribute.go":                "distributing itself",
	"router_ground.go:readEpoch":   "asks Citus for its workers",
	"erasures.go:Alone":            "asks who is connected to this node",
	"erasures.go:System":           "asks the node that the program is connected to",
	"erasures.go:Erasures":         "goes with a backup of the embedded server",
	"erasures.go:LastErasure":      "goes with a backup of the embedded server",
	"commit_statement.go":          "many people in one statement; instead: routedWrite",
	"people_directory.go:claimAll": "many people in one statement; instead: claimAllRouted",
	"commit.go:committedSQL":       "many people in one statement; instead: routedCommittedSQL",
	"people.go:loadSQL":            "rows from parameters; instead: routedLoadSQL",
	"people.go:Load":               "rows from parameters; instead: loadDevices",
	"register.go:bearSQL":          "many people in one statement; instead: routedBirth",
	"register.go:insertDevices":    "devices and persons in one statement; instead: insertDevicesRouted",
	"register.go:unbear":           "devices and persons in one statement; instead: unbearRouted",
	"directory.go:Seen":            "many devices in one statement; instead: seenRouted",
	"outbox.go:claimSQL":           "locks over all shards; instead: claimRouted",
	"outbox_due.go:dueSQL":         "rows of all shards in one order; instead: dueRouted",
	"outbox_read.go":               "a check from outside, over the whole table",
	"outbox.go:changeDeliveries":   "many people in one statement; instead: changeRouted",
	"outbox_wake.go:Wake":          "many people in one batch; instead: wakeRouted",
	"stock.go:renewSQL":            "locks over all shards; instead: renewRoutedSQL",
	"stock.go:reclaimOne":          "locks over all shards; instead: reclaimBlockRouted",
	"erase.go:erasures":            "the first moves counts from persons to stock; instead: countErasedRouted",
	"erase.go:moveCoupons":         "two persons in one statement; instead: moveCouponsRouted",
	"house_fold.go:takeOutLarge":   "instead: foldRouted",
	"house_fold.go:foldTable":      "instead: foldRouted",
	"house_fold.go:sliceSQL":       "rows by their place; instead: foldRouted",
	"house_fold.go:blocksOf":       "one server's own sizes",
	"house_sweep.go":               "rows by their place; instead: removeOldRouted",
}

// writtenStatement is a statement as it stands in the source: its fixed pieces, in order, between what is put in.
type writtenStatement struct {
	where  string // "file.go:declaration"
	pieces []string
}

func (w *writtenStatement) is(sql string) bool {
	for i, piece := range w.pieces {
		at := strings.Index(sql, piece)
		if at < 0 || i == 0 && at > 0 {
			return false
		}
		sql = sql[at+len(piece):]
	}
	return true
}

func (w *writtenStatement) plain() bool {
	file, _, _ := strings.Cut(w.where, ":")
	return isPlainFile(file) || plainStatements[file] != "" || plainStatements[w.where] != ""
}

func eachFile(t *testing.T, suffix string, do func(name string, file *ast.File)) {
	t.Helper()
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix) && strings.HasSuffix(e.Name(), "_test.go") == (suffix == "_test.go") {
			file, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, parser.SkipObjectResolution)
			require.NoError(t, err)
			do(e.Name(), file)
		}
	}
}

var (
	beginsStatement = regexp.MustCompile(`^(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|LOCK TABLE|DROP|CREATE|ALTER|SET|TRUNCATE|MERGE|COPY|BEGIN|COMMIT)\b`)
	formatVerb      = regexp.MustCompile(`%(\[[0-9]+\])?[sdvq]`)
)

// writtenStatements reads every statement out of the package's source.
func writtenStatements(t *testing.T) (all []*writtenStatement) {
	eachFile(t, ".go", func(name string, file *ast.File) {
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				all = append(all, statementsIn(name+":"+d.Name.Name, d)...)
			case *ast.GenDecl:
				for _, s := range d.Specs {
					if v, ok := s.(*ast.ValueSpec); ok {
						all = append(all, statementsIn(name+":"+v.Names[0].Name, v)...)
					}
				}
			}
		}
	})
	require.Greater(t, len(all), 100)
	return all
}

func statementsIn(where string, node ast.Node) (all []*writtenStatement) {
	ast.Inspect(node, func(n ast.Node) bool {
		var pieces []string
		switch n := n.(type) {
		case *ast.BasicLit:
			pieces = piecesOf(n)
		case *ast.BinaryExpr:
			if n.Op != token.ADD {
				return true
			}
			pieces = piecesOf(n)
		default:
			return true
		}
		if len(pieces) > 0 && beginsStatement.MatchString(pieces[0]) {
			all = append(all, &writtenStatement{where, pieces})
			return false
		}
		return true
	})
	return all
}

// piecesOf are the fixed pieces of a text that is put together.
func piecesOf(e ast.Expr) (pieces []string) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		if e.Kind != token.STRING || err != nil {
			return nil
		}
		for _, p := range formatVerb.Split(text, -1) {
			if p = normal(p); p != "" {
				pieces = append(pieces, p)
			}
		}
	case *ast.BinaryExpr:
		pieces = append(piecesOf(e.X), piecesOf(e.Y)...)
	}
	return pieces
}

// TestRouted runs the suite with people written one by one, as on a distributed database, and checks every statement of
// this package's that goes out against such a database's rules. In the end every statement in the source has gone out,
// or stands on the list of those that plain PostgreSQL alone sees.
func TestRouted(t *testing.T) {
	written := writtenStatements(t)
	var mu sync.Mutex
	seen, broken := map[*writtenStatement]bool{}, map[string]string{}
	watch := func(sql string) {
		mu.Lock()
		defer mu.Unlock()
		sql = normal(sql)
		ours := false
		for _, w := range written {
			if w.is(sql) {
				ours, seen[w] = true, true
			}
		}
		if why := breaks(sql); ours && why != "" {
			broken[sql] = why
		}
	}
	ran := 0
	for _, test := range storageSuite {
		t.Run(test.name, func(t *testing.T) {
			ran++
			postgrestest.Use(t, postgrestest.Routed, watch)
			test.run(t)
		})
	}
	for sql, why := range broken {
		t.Errorf("%s: %s", why, sql)
	}
	if ran < len(storageSuite) || t.Failed() {
		return
	}
	for _, w := range written {
		if !w.plain() && !seen[w] {
			t.Errorf("%s: no test of the suite sends this to a distributed database, and plainStatements does not say why none should: %s", w.where, strings.Join(w.pieces, " … "))
		}
	}
}
