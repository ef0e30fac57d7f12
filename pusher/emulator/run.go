package emulator

import (
	"context"
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
	ControlAddr string // host:port; empty: 127.0.0.1:0
	// Dir gets firebase.json, apns.p8, ca.pem and emulator.json, with ca-key.pem to sign again after a restart.
	// Keys found there are kept, so that credentials stay good. Empty: nothing is written.
	Dir string
	// Script is a file {"fcm": Script, "apns": Script}; empty: everything is accepted.
	Script string
	// Ready is called once everything listens; nil: nobody is told.
	Ready func(Addresses)
}

// Addresses are where the emulators listen and what a client needs to reach them.
type Addresses struct {
	FCMEndpoint  string `json:"fcm_endpoint"`  // http://host:port/v1
	APNsEndpoint string `json:"apns_endpoint"` // host:port
	Control      string `json:"control"`       // http://host:port
	FCMProject   string `json:"fcm_project"`
	APNsKeyID    string `json:"apns_key_id"`
	APNsTeamID   string `json:"apns_team_id"`
	APNsTopic    string `json:"apns_topic"`
	// Files; empty where Config.Dir was.
	ServiceAccount string `json:"service_account,omitempty"`
	P8             string `json:"p8,omitempty"`
	CA             string `json:"ca,omitempty"`
}

// Emulators are both providers and their common control port.
type Emulators struct {
	FCM       *FCM
	APNs      *APNs
	Addresses Addresses

	control *http.Server
}

// Run starts both emulators and serves until ctx ends.
func Run(ctx context.Context, c Config, log *slog.Logger) error {
	e, err := Start(c)
	if err != nil {
		return err
	}
	a := e.Addresses
	log.Info("emulators listen", "fcm", a.FCMEndpoint, "apns", a.APNsEndpoint, "control", a.Control, "dir", c.Dir)
	if c.Ready != nil {
		c.Ready(a)
	}
	<-ctx.Done()
	fcm, apns := e.FCM.Counts(), e.APNs.Counts()
	log.Info("emulators stop", "fcm_accepted", fcm.Accepted, "apns_accepted", apns.Accepted)
	return e.Close()
}

// Start starts both emulators and returns; Close ends them.
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
	kept.fcm.Addr, kept.apns.Addr = c.FCMAddr, c.APNsAddr
	if e.FCM, err = NewFCM(kept.fcm); err != nil {
		return nil, err
	}
	if e.APNs, err = NewAPNs(kept.apns); err != nil {
		return nil, err
	}
	if err = e.readScript(c.Script); err != nil {
		return nil, err
	}
	if err = e.serveControl(c.ControlAddr); err != nil {
		return nil, err
	}
	e.Addresses.FCMEndpoint, e.Addresses.APNsEndpoint = e.FCM.URL(), e.APNs.Addr()
	e.Addresses.FCMProject, e.Addresses.APNsTopic = e.FCM.ProjectID(), e.APNs.Topic()
	e.Addresses.APNsKeyID, e.Addresses.APNsTeamID = e.APNs.KeyID(), e.APNs.TeamID()
	if err = e.write(c.Dir); err != nil {
		return nil, err
	}
	return e, nil
}

// Close stops everything.
func (e *Emulators) Close() error {
	var errs []error
	if e.control != nil {
		errs = append(errs, e.control.Close())
	}
	if e.FCM != nil {
		errs = append(errs, e.FCM.Close())
	}
	if e.APNs != nil {
		errs = append(errs, e.APNs.Close())
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
	var scripts struct {
		FCM  Script `json:"fcm"`
		APNs Script `json:"apns"`
	}
	if err := strict(text, &scripts); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if err := e.FCM.SetScript(scripts.FCM); err != nil {
		return fmt.Errorf("%s: fcm: %w", file, err)
	}
	if err := e.APNs.SetScript(scripts.APNs); err != nil {
		return fmt.Errorf("%s: apns: %w", file, err)
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
	mux.HandleFunc("GET /accepted", func(w http.ResponseWriter, _ *http.Request) { reply(w, e.Accepted()) })
	mux.HandleFunc("GET /counts", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, map[string]any{"fcm": e.FCM.Counts(), "apns": e.APNs.Counts(), "distinct_notifications": e.Distinct()})
	})
	for path, act := range map[string]func(*Control){
		"stall": (*Control).Stall, "release": (*Control).Release, "forget": (*Control).Forget,
	} {
		mux.HandleFunc("POST /control/"+path, func(w http.ResponseWriter, _ *http.Request) {
			act(e.FCM.Control)
			act(e.APNs.Control)
			w.WriteHeader(http.StatusNoContent)
		})
	}
	return mux
}

// Accepted returns what both providers accepted, by time.
func (e *Emulators) Accepted() []Accepted {
	return slices.SortedStableFunc(slices.Values(append(e.FCM.Accepted(0), e.APNs.Accepted(0)...)),
		func(a, b Accepted) int { return a.Time.Compare(b.Time) })
}

// Distinct counts the different notifications that either provider accepted.
func (e *Emulators) Distinct() int {
	ids := e.FCM.notifications()
	maps.Copy(ids, e.APNs.notifications())
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
	caFile             = "ca.pem"
	caKeyFile          = "ca-key.pem"
	summaryFile        = "emulator.json"
)

type kept struct {
	fcm  FCMOptions
	apns APNsOptions
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
	summary, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return err
	}
	for name, text := range map[string][]byte{
		serviceAccountFile: e.FCM.ServiceAccountJSON(),
		p8File:             e.APNs.P8(),
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
