package postgres

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// settings is the embedded server's whole configuration file. Durability is never traded for speed: a commit that
// was answered is on disk. fillfactor and the autovacuum of hot tables are per table, in the migrations.
const settings = `# Written by wantgo at each start; changes here are lost.
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 100
password_encryption = 'scram-sha-256'

fsync = on
synchronous_commit = on
full_page_writes = on
wal_level = replica
wal_compression = on
max_wal_size = 2GB
min_wal_size = 160MB
checkpoint_timeout = 10min
checkpoint_completion_target = 0.9

shared_buffers = 256MB
work_mem = 8MB
maintenance_work_mem = 64MB
effective_cache_size = 1GB
jit = off
random_page_cost = 1.1

autovacuum = on
autovacuum_naptime = 15s
autovacuum_vacuum_cost_limit = 2000

timezone = 'UTC'
log_timezone = 'UTC'
datestyle = 'iso, ymd'
client_encoding = 'UTF8'
default_text_search_config = 'pg_catalog.simple'
logging_collector = off
log_checkpoints = off
log_min_messages = warning
# Statements and their parameters stay out of the log: they name people and addresses.
log_min_error_statement = panic
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_error_verbosity = terse
`

// Only the one role, with its password, over loopback.
const hostRules = `# Written by wantgo at each start.
host all wantgo 127.0.0.1/32 scram-sha-256
`

func writeSettings(a account, pg string, extra map[string]string) (string, error) {
	var b strings.Builder
	b.WriteString(settings)
	for _, name := range sortedKeys(extra) {
		fmt.Fprintf(&b, "%s = '%s'\n", name, strings.ReplaceAll(extra[name], "'", "''"))
	}
	for name, text := range map[string]string{"postgresql.conf": b.String(), "pg_hba.conf": hostRules} {
		path := filepath.Join(pg, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return "", err
		}
		if err := a.own(path); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}
