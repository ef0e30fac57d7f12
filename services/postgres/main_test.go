package postgres_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
)

// childDir in the environment makes the test binary a program that starts a server there and waits to be killed.
const childDir = "WANTGO_TEST_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if _, err := postgres.Start(context.Background(), postgres.ServerConfig{DataDir: dir}); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("ready")
		select {}
	}
	postgrestest.Main(m)
}
