package node

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/api"
	"github.com/wantgo/wantgo/services/api/admit"
	"github.com/wantgo/wantgo/services/engine"
)

// Config says what a node is made of. The zero value with a DataDir or a DatabaseURL is a node without listeners that
// hands nothing to providers.
type Config struct {
	// DataDir holds the embedded server, where no DatabaseURL is given, and secret.key, where no secret is given.
	DataDir     string
	DatabaseURL string
	// Connections bounds the pool; 0: 16. Pooled: a transaction pooler stands before the database.
	Connections int
	Pooled      bool
	NoMigrate   bool // refuse an older schema instead of bringing it up to date
	Tied        bool // the embedded server ends with this process however it ends (Linux); for tests

	// Secret is the root secret as text, SecretFile a file with it. Both empty: DataDir/secret.key, made when missing.
	Secret     string
	SecretFile string

	// Listen is where the public API answers, InternalListen metrics, health and profiles; host:port, port 0: any
	// free one, empty: nowhere.
	Listen         string
	InternalListen string
	TLSCert        string // PEM files; both or none
	TLSKey         string
	Limits         api.Limits
	Admission      admit.Settings
	Clients        int // most connections to the public API; 0: no bound
	Streams        int // most calls under way on one of them; 0: the API's default

	// Dispatch hands deliveries to providers.
	Dispatch bool
	Push     Providers
	// Webhooks may reach these addresses, host:port, although they are not public, also without TLS.
	WebhookHosts []string
	Observer     pusher.Observer // told of dispatching beside the metrics

	Clock                 engine.Clock // nil: the node's own, measured against the database's
	People                int          // copies in memory; 0: the engine's default
	AllowUnsignedIdentity bool         // for the demo only
	OTLPEndpoint          string       // host:port or URL of an OpenTelemetry collector; empty: no traces
	ErasuresFile          string       // is kept up to date with who was erased; empty: no such file
	Grace                 time.Duration
	Log                   *slog.Logger
}

// Providers are where push providers are reached. The zero value is Google's and Apple's own.
type Providers struct {
	FCMEndpoint string // http(s)://host:port/v1
	// FCMConnections is the most that are ever open to FCM over TLS; 0: enough for what this node has in flight.
	FCMConnections int
	APNsEndpoint   string // host:port
	// APNsSandboxEndpoint is Apple's development environment; empty: APNsEndpoint, where that is given.
	APNsSandboxEndpoint string
	APNsCA              string // PEM file of certificate authorities that all of these are trusted by instead of the system's
	// WebPushServices are the hosts that web push may go to; nil: the known ones.
	WebPushServices pusher.PushServices
	Pace            pusher.Pace
}

func (p *Providers) pushServices() pusher.PushServices {
	if p.WebPushServices == nil {
		return pusher.KnownPushServices()
	}
	return p.WebPushServices
}

// defaultGrace is how long a stop may take: an attempt at a provider lasts at most 10 s.
const defaultGrace = 20 * time.Second

// checked is what the check of a Config read on the way.
type checked struct {
	certificate *tls.Certificate
	roots       *x509.CertPool
}

// ConfigError is every fault of a configuration, each with the option's name. It is never empty.
type ConfigError struct{ Faults []error }

// Error has one fault a line.
func (e *ConfigError) Error() string { return errors.Join(e.Faults...).Error() }

// Check returns a *ConfigError with every fault, or nil. Files that the configuration names are read.
func (c *Config) Check() error {
	_, err := c.check()
	return err
}

func (c *Config) check() (checked, error) {
	var read checked
	var faults []error
	fault := func(option string, err error) {
		if err != nil {
			faults = append(faults, fmt.Errorf("--%s: %w", option, err))
		}
	}
	if c.DataDir == "" && (c.DatabaseURL == "" || c.Secret == "" && c.SecretFile == "") {
		fault("data-dir", errors.New("missing: it is where the database or the root secret is kept"))
	}
	fault("database-url", checkDatabase(c.DatabaseURL))
	fault("listen", checkListen(c.Listen))
	fault("internal-listen", checkListen(c.InternalListen))
	fault("fcm-endpoint", checkEndpoint(c.Push.FCMEndpoint))
	fault("apns-endpoint", checkHostPort(c.Push.APNsEndpoint))
	fault("apns-sandbox-endpoint", checkHostPort(c.Push.APNsSandboxEndpoint))
	fault("web-push-services", c.Push.WebPushServices.Check())
	if c.Connections < 0 || c.Connections > 10_000 {
		fault("database-connections", errors.New("must be 1 to 10000"))
	}
	if c.Secret != "" && c.SecretFile != "" {
		fault("secret-file", errors.New("given twice, as text and as a file"))
	}
	var err error
	read.certificate, err = c.certificate()
	fault("tls-cert", err)
	read.roots, err = authorities(c.Push.APNsCA)
	fault("apns-ca", err)
	if len(faults) > 0 {
		return read, &ConfigError{faults}
	}
	return read, nil
}

func checkDatabase(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return errors.New("must be postgres://user:password@host:port/database") // the text itself may hold a password
	}
	return nil
}

func checkListen(address string) error {
	if address == "" {
		return nil
	}
	return checkHostPort(address)
}

func checkHostPort(address string) error {
	if address == "" {
		return nil
	}
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil {
		return fmt.Errorf("%q is not host:port", address)
	}
	return nil
}

func checkEndpoint(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%q is not http(s)://host:port/v1", text)
	}
	return nil
}

func (c *Config) certificate() (*tls.Certificate, error) {
	switch {
	case c.TLSCert == "" && c.TLSKey == "":
		return nil, nil
	case c.TLSCert == "" || c.TLSKey == "":
		return nil, errors.New("tls-cert and tls-key are given both or not at all")
	}
	pair, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return nil, err
	}
	return &pair, nil
}

func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", file)
	}
	return pool, nil
}

// secretFile is where the root secret is kept when none is given.
func (c *Config) secretFile() string { return filepath.Join(c.DataDir, "secret.key") }
