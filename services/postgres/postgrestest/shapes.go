package postgrestest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wantgo/wantgo/services/postgres"
)

// Shape is how a store writes, and on what.
type Shape int

const (
	Plain  Shape = iota // many people in one statement
	Routed              // one person a transaction, on the same plain database
	Citus               // one person a transaction, on a Citus cluster, each test in a schema of its own
)

// ClusterVariable names the URL of a prepared cluster's coordinator: a database with Citus 12 or later and at least one
// worker, and a role that may create schemas there.
const ClusterVariable = "WANTGO_CITUS_URL"

var shapes sync.Map // a test's name -> chosen

type chosen struct {
	shape       Shape
	onStatement func(sql string)
}

// Use makes every store that this test and its subtests open one of a shape; onStatement, if not nil, is told their
// statements. Without a cluster a test of the shape Citus is skipped.
func Use(t testing.TB, shape Shape, onStatement func(sql string)) {
	t.Helper()
	if shape == Citus && os.Getenv(ClusterVariable) == "" {
		t.Skipf("needs a Citus cluster: set %s to its coordinator", ClusterVariable)
	}
	name := t.Name()
	shapes.Store(name, chosen{shape, onStatement})
	t.Cleanup(func() { shapes.Delete(name) })
}

// ShapeOf is the shape of a test's stores.
func ShapeOf(t testing.TB) Shape { return choice(t).shape }

func choice(t testing.TB) chosen {
	for name := t.Name(); name != ""; name = name[:max(0, strings.LastIndexByte(name, '/'))] {
		if c, ok := shapes.Load(name); ok {
			return c.(chosen)
		}
	}
	return chosen{}
}

// schema makes a schema of a test's own on the cluster, dropped when the test ends.
func schema(t testing.TB, migrated bool) string {
	t.Helper()
	cluster := os.Getenv(ClusterVariable)
	name := fmt.Sprintf("wantgo_test_%d_%d", time.Now().UnixNano(), shared.names.Add(1))
	url, err := postgres.CreateSchema(t.Context(), cluster, name)
	if err != nil {
		t.Fatalf("make the test's schema: %v", err)
	}
	t.Cleanup(func() {
		if err := postgres.DropSchema(context.Background(), cluster, name); err != nil {
			t.Errorf("drop the test's schema: %v", err)
		}
	})
	if !migrated {
		return url
	}
	if _, err := postgres.Migrate(t.Context(), url); err != nil {
		t.Fatalf("migrate the test's schema: %v", err)
	}
	if _, err := postgres.Distribute(t.Context(), url); err != nil {
		t.Fatalf("distribute the test's schema: %v", err)
	}
	return url
}
