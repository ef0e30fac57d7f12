package postgres

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wantgo/wantgo/services/engine"
)

func code(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

func constraint(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.ConstraintName
	}
	return ""
}

const (
	codeUnique     = "23505"
	codeCheck      = "23514"
	codeDeadlock   = "40P01"
	codeSerialize  = "40001"
	codeLockWait   = "55P03"
	codeDuplicate  = "42P07" // duplicate table
	codeNoTable    = "42P01"
	codePassword   = "28P01"
	codeAuth       = "28000"
	codeNoDatabase = "3D000"
)

// isRefusal tells errors that no waiting mends.
func isRefusal(err error) bool {
	switch code(err) {
	case codePassword, codeAuth, codeNoDatabase:
		return true
	}
	var parse *pgconn.ParseConfigError
	return errors.As(err, &parse)
}

// notFound turns "no rows" into the contract's word.
func notFound(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return engine.ErrNotFound
	}
	return err
}

// taken turns a broken unique key into the contract's word, with the key's name, never with its value.
func taken(err error) error {
	if code(err) == codeUnique {
		return fmt.Errorf("%w: %s", engine.ErrAlreadyExists, constraint(err))
	}
	return err
}

// again runs a transaction until it is not the victim of a deadlock or a race for a key; those rolled back for sure.
func again(ctx context.Context, run func() error) error {
	for try := 1; ; try++ {
		err := run()
		switch code(err) {
		case codeDeadlock, codeSerialize, codeUnique:
			if try < 5 && ctx.Err() == nil {
				continue
			}
		}
		return err
	}
}

var passwordInURL = regexp.MustCompile(`(://[^:/@\s]+:)[^@\s]+@`)

type hiddenError struct {
	text string
	err  error
}

func (e *hiddenError) Error() string { return e.text }
func (e *hiddenError) Unwrap() error { return e.err }

// hideURL keeps a password that stands in a connection URL out of the error's text.
func hideURL(err error) error {
	if err == nil || !strings.Contains(err.Error(), "://") {
		return err
	}
	return &hiddenError{passwordInURL.ReplaceAllString(err.Error(), "${1}***@"), err}
}
