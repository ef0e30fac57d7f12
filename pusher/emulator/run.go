package emulator

import (
	"cmp"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Config says what Run starts.
type Config struct {
	FCMAddr     string // host:port; empty: 127.0.0.1:0
	APNsAddr    string // host:port; empty: 127.0.0.1:0
	SandboxAddr string // of APNs' development environment; host:port; empty: 127.0.0.1:0
	WebPushAddr string // host:port; empty: 127.0.0.1:0
	ControlAddr string // host:port; empty: 127.0.0.1:0
	// FCMTLS has FCM speak HTTPS, and so HTTP/2.
	FCMTLS bool
	// Dir gets firebase.json, apns.p8, vapid.json, ca.pem and emulator.json, with ca-key.pem to sign again after a
	// restart. Keys found there are kept, so that credentials stay good. Empty: nothing is written.
	Dir string
	// Script is a file {"fcm": Script, "apns": Script, "apns_sandbox": Script, "webpush": Script}; empty: everything is
	// accepted.
	Script string
	// Ready is called once everything listens; nil: nobody is told.
	Ready func(Addresses)
}

// Addresses are where the emulators listen and what a client needs to reach them.
type Addresses struct {
	FCMEndpoint  string `json:"fcm_endpoint"`  // http(s)://host:port/v1
	APNsEndpoint string `json:"apns_endpoint"` // host:port
	APNsSandbox  string `json:"apns_sandbox_endpoint"`
	WebPush      string `json:"web_push_service"` // host:port, for the list of push services
	Control      string `json:"control"`          // http://host:port
	FCMProject   string `json:"fcm_project"`
	APNsKeyID    string `json:"apns_key_id"`
	APNsTeamID   string `json:"apns_team_id"`
	APNsTopic    string `json:"apns_topic"`
	// Files; empty where Config.Dir was.
	ServiceAccount string `json:"service_account,omitempty"`
	P8             string `json:"p8,omitempty"`
	VAPID          string `json:"vapid,omitempty"`
	CA             string `json:"ca,omitempty"`
}

// Emulators are all providers and their common control port.
type Emulators struct {
	FCM       *FCM
	APNs      *APNs
	Sandbox   *APNs // the development environment, with the same key
	WebPush   *WebPush
	Addresses Addresses

	control *http.Server
	vapid   []byte
}

// controls are the providers, by the prefix of their control paths.
func (e *Emulators) controls() map[string]*Control {
	list := map[string]*Control{}
	if e.FCM != nil {
		list["fcm"] = e.FCM.Control
	}
	if e.APNs != nil {
		list["apns"] = e.APNs.Control
	}
	if e.Sandbox != nil {
		list["apns_sandbox"] = e.Sandbox.Control
	}
	if e.WebPush != nil {
		list["webpush"] = e.WebPush.Control
	}
	return list
}

// Run starts the emulators and serves until ctx ends.
func Run(ctx context.Context, c Config, log *slog.Logger) error {
	e, err := Start(c)
	if err != nil {
		return err
	}
	a := e.Addresses
	log.Info("emulators listen", "fcm", a.FCMEndpoint, "apns", a.APNsEndpoint, "apns_sandbox", a.APNsSandbox,
		"web_push", a.WebPush, "control", a.Control, "dir", c.Dir)
	if c.Ready != nil {
		c.Ready(a)
	}
	<-ctx.Done()
	for name, c := range e.controls() {
		log.Info("emulator stops", "provider", name, "accepted", c.Counts().Accepted)
	}
	return e.Close()
}

// Start starts the emulators and returns; Close ends them.
func Start(c Config) (_ *Emulators, err error) {
	kept, err := readKept(c.Dir)
	if err != nil {
		return nil, err
	}
	e := &Emulators{}
	defer func() {
		if err != nil {
			_ = e.Close()
		}
	}()
	if err = e.startProviders(c, kept); err != nil {
		return nil, err
	}
	if err = e.readScript(c.Script); err != nil {
		return nil, err
	}
	if err = e.serveControl(c.ControlAddr); err != nil {
		return nil, err
	}
	e.Addresses.FCMEndpoint, e.Addresses.APNsEndpoint = e.FCM.URL(), e.APNs.Addr()
	e.Addresses.APNsSandbox, e.Addresses.WebPush = e.Sandbox.Addr(), e.WebPush.Addr()
	e.Addresses.FCMProject, e.Addresses.APNsTopic = e.FCM.ProjectID(), e.APNs.Topic()
	e.Addresses.APNsKeyID, e.Addresses.APNsTeamID = e.APNs.KeyID(), e.APNs.TeamID()
	if err = e.write(c.Dir); err != nil {
		return nil, err
	}
	return e, nil
}

// startProviders starts each with the keys that are kept; one authority signs for all of them.
func (e *Emulators) startProviders(c Config, k kept) (err error) {
	if k.apns, err = k.apns.withDefaults(); err != nil {
		return err
	}
	if e.vapid = k.vapid; e.vapid == nil {
		if e.vapid, err = newVAPID(); err != nil {
			return err
		}
	}
	k.fcm.Addr, k.fcm.TLS, k.fcm.authority = c.FCMAddr, c.FCMTLS, k.apns.authority
	if e.FCM, err = NewFCM(k.fcm); err != nil {
		return err
	}
	k.apns.Addr = cmp.Or(c.APNsAddr, k.apns.Addr)
	if e.APNs, err = NewAPNs(k.apns); err != nil {
		return err
	}
	k.apns.Addr, k.apns.Sandbox = cmp.Or(c.SandboxAddr, "127.0.0.1:0"), true
	if e.Sandbox, err = NewAPNs(k.apns); err != nil {
		return err
	}
	e.WebPush, err = NewWebPush(WebPushOptions{Addr: c.WebPushAddr, authority: k.apns.authority})
	return err
}

// newVAPID is a key pair for web push, in the form that a credential is uploaded in.
func newVAPID() ([]byte, error) {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return json.MarshalIndent(map[string]string{
		"private_key": base64.RawURLEncoding.EncodeToString(key.Bytes()),
		"public_key":  base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes()),
		"subject":     "mailto:emulator@example.com",
	}, "", "  ")
}

// VAPID is a key pair for web push as JSON: private_key, public_key (base64url) and subject.
func (e *Emulators) VAPID() []byte { return e.vapid }

// Close stops everything.
func (e *Emulators) Close() error {
	var errs []error
	if e.control != nil {
		errs = append(errs, e.control.Close())
	}
	if e.FCM != nil {
		errs = append(errs, e.FCM.Close())
	}
	for _, a := range []*APNs{e.APNs, e.Sandbox} {
		if a != nil {
			errs = append(errs, a.Close())
		}
	}
	if e.WebPush != nil {
		errs = append(errs, e.WebPush.Close())
	}
	return errors.Join(errs...)
}

func (e *Emulators) readScript(file string) error {
	if file == "" {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var scripts map[string]Script
	if err := strict(text, &scripts); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	controls := e.controls()
	for name, script := range scripts {
		if controls[name] == nil {
			return fmt.Errorf("%s: %s: no such provider", file, name)
		}
		if err := controls[name].SetScript(script); err != nil {
			return fmt.Errorf("%s: %s: %w", file, name, err)
		}
	}
	return nil
}

func (e *Emulators) serveControl(addr string) error {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("emulator control: %w", err)
	}
	e.Addresses.Control = "http://" + listener.Addr().String()
	e.control = &http.Server{Handler: e.controlHandler(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = e.control.Serve(listener) }()
	return nil
}

func (e *Emulators) controlHandler() http.Handler {
	mux := http.NewServeMux()
	e.FCM.routes(mux, "/fcm")
	e.APNs.routes(mux, "/apns")
	e.Sandbox.routes(mux, "/apns_sandbox")
	e.WebPush.routes(mux, "/webpush")
	mux.HandleFunc("GET /accepted", func(w http.ResponseWriter, _ *http.Request) { reply(w, e.Accepted()) })
	mux.HandleFunc("GET /counts", func(w http.ResponseWriter, _ *http.Request) {
		counts := map[string]any{"distinct_notifications": e.Distinct()}
		for name, c := range e.controls() {
			counts[name] = c.Counts()
		}
		reply(w, counts)
	})
	for path, act := range map[string]func(*Control){
		"stall": (*Control).Stall, "release": (*Control).Release, "forget": (*Control).Forget,
	} {
		mux.HandleFunc("POST /control/"+path, func(w http.ResponseWriter, _ *http.Request) {
			for _, c := range e.controls() {
				act(c)
			}
			w.WriteHeader(http.StatusNoContent)
		})
	}
	return mux
}

// Accepted returns what all providers accepted, by time.
func (e *Emulators) Accepted() []Accepted {
	all := []Accepted{}
	for _, c := range e.controls() {
		all = append(all, c.Accepted(0)...)
	}
	slices.SortStableFunc(all, func(a, b Accepted) int { return a.Time.Compare(b.Time) })
	return all
}

// Distinct counts the different notifications that any provider accepted.
func (e *Emulators) Distinct() int {
	ids := map[string]struct{}{}
	for _, c := range e.controls() {
		maps.Copy(ids, c.notifications())
	}
	return len(ids)
}

func (c *Control) notifications() map[string]struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.record.notifications)
}

// The files of Config.Dir.
const (
	serviceAccountFile = "firebase.json"
	p8File             = "apns.p8"
	vapidFile          = "vapid.json"
	caFile             = "ca.pem"
	caKeyFile          = "ca-key.pem"
	summaryFile        = "emulator.json"
)

type kept struct {
	fcm   FCMOptions
	apns  APNsOptions
	vapid []byte
}

// readKept reads the keys that an earlier run left in dir.
func readKept(dir string) (kept, error) {
	var k kept
	if dir == "" {
		return k, nil
	}
	read := func(name string, use func([]byte) error) error {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err == nil {
			err = use(text)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(dir, name), err)
		}
		return nil
	}
	return k, errors.Join(
		read(serviceAccountFile, func(text []byte) (err error) { k.fcm.Key, err = parseRSA(text); return }),
		read(p8File, func(text []byte) (err error) { k.apns.Key, err = readECKey(text); return }),
		read(vapidFile, func(text []byte) error { k.vapid = text; return nil }),
		read(caKeyFile, func(key []byte) error {
			certificate, err := os.ReadFile(filepath.Join(dir, caFile))
			if err == nil {
				k.apns.authority, err = readAuthority(certificate, key)
			}
			return err
		}),
	)
}

func (e *Emulators) write(dir string) error {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	a := &e.Addresses
	a.ServiceAccount, a.P8, a.CA = filepath.Join(dir, serviceAccountFile), filepath.Join(dir, p8File), filepath.Join(dir, caFile)
	a.VAPID = filepath.Join(dir, vapidFile)
	summary, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return err
	}
	for name, text := range map[string][]byte{
		serviceAccountFile: e.FCM.ServiceAccountJSON(),
		p8File:             e.APNs.P8(),
		vapidFile:          e.vapid,
		caFile:             e.APNs.CAPEM(),
		caKeyFile:          ecKeyPEM(e.APNs.o.authority.key),
		summaryFile:        append(summary, '\n'),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}
