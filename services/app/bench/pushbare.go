package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/apns"
	"github.com/wantgo/wantgo/pusher/emulator"
	"github.com/wantgo/wantgo/pusher/fcm"
	"github.com/wantgo/wantgo/services/postgres"
)

// bareRequest is a line of the bare loop's file.
type bareRequest struct {
	URL    string            `json:"url"`
	Header map[string]string `json:"header"`
	Body   string            `json:"body"`
}

func (c *pushCommand) inFlight() int {
	if c.InFlight > 0 {
		return c.InFlight
	}
	return max(min(256*runtime.GOMAXPROCS(0), 1024)*3/4, 1)
}

// bare sends the requests of the same deliveries again, with nothing behind them.
func (r *pushRun) bare(ctx context.Context) error {
	if r.NoBare {
		return nil
	}
	program, err := r.bareProgram(ctx)
	if err != nil {
		return err
	}
	file := filepath.Join(r.dir, "requests.json")
	if err := r.writeRequests(ctx, file); err != nil {
		return err
	}
	if err := r.forget(ctx); err != nil {
		return err
	}
	r.progress.say("the same requests with nothing behind them")
	before := r.used()
	args := []string{"-requests", file, "-ca", r.addresses.CA, "-in-flight", strconv.Itoa(r.inFlight()), "-for", r.For.String()}
	command := exec.CommandContext(ctx, program, args...)
	var said bytes.Buffer
	command.Stderr, command.SysProcAttr = &said, childAttributes()
	out, err := command.Output()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, said.String())
	}
	return r.compare(ctx, out, r.used().since(before))
}

func (r *pushRun) compare(ctx context.Context, out []byte, used pushSpent) error {
	var said struct {
		Accepted, Failed int
		First            string  `json:"first_fail"`
		P50              float64 `json:"p50_ms"`
		P99              float64 `json:"p99_ms"`
		CPU              float64 `json:"cpu_s"`
	}
	if err := json.Unmarshal(out, &said); err != nil {
		return err
	}
	if said.Accepted == 0 {
		return fmt.Errorf("the bare loop: nothing was accepted: %s", said.First)
	}
	var accepted []emulator.Accepted
	var counts providerCounts
	if err := errors.Join(r.control(ctx, "/accepted", &accepted), r.control(ctx, "/counts", &counts)); err != nil {
		return err
	}
	perSecond, _ := steady(accepted, time.Time{})
	r.report.Bare = &bareReport{PerSecond: round(perSecond), P50: round(said.P50), P99: round(said.P99), Accepted: said.Accepted, Failed: said.Failed,
		Connections: counts.FCM.Connections + counts.APNs.Connections,
		CPU:         perThousand(time.Duration(said.CPU*float64(time.Second)), said.Accepted), ProviderCPU: perThousand(used.provider, said.Accepted)}
	r.report.BarePerSecond = round(perSecond)
	r.report.Ratio = round(r.report.AcceptedPerSecond / perSecond)
	return nil
}

// bareProgram is the given one, or built of the source beside this file.
func (r *pushRun) bareProgram(ctx context.Context) (string, error) {
	if r.Bare != "" {
		return r.Bare, nil
	}
	_, here, _, _ := runtime.Caller(0)
	source := filepath.Join(filepath.Dir(here), "bare")
	if _, err := os.Stat(filepath.Join(source, "go.mod")); err != nil {
		return "", errors.New("--bare: the source of the bare loop is not where this program was built: build services/app/bench/bare and name it, or give --no-bare")
	}
	r.progress.say("building the bare loop")
	program := filepath.Join(r.dir, "bare")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, ".")
	build.Dir = source
	build.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	if said, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("--bare: it could not be built: %w: %s", err, said)
	}
	return program, nil
}

// writeRequests writes down what our own senders would send for the deliveries that were measured.
func (r *pushRun) writeRequests(ctx context.Context, file string) (err error) {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriterSize(f, 1<<20)
	defer func() { err = errors.Join(err, buffered.Flush(), f.Close()) }()
	d, err := r.newDrawer(json.NewEncoder(buffered))
	if err != nil {
		return err
	}
	to := map[string]pusher.Address{}
	for i, device := range r.crowd.Devices {
		to[device.String()] = r.crowd.Addresses[i]
	}
	left := r.Deliveries
	return postgres.ReadDeliveries(ctx, r.database.URL(), r.crowd.Brand, func(delivery *pusher.Delivery) error {
		if left--; left < 0 {
			return nil
		}
		return d.draw(ctx, to[delivery.DeviceID.String()], delivery)
	})
}

// drawer has our senders make requests and keeps them instead of sending them.
type drawer struct {
	out      *json.Encoder
	firebase *fcm.Sender
	apns     string // origin
	topic    string
	bearer   string // provider token
}

func (r *pushRun) newDrawer(out *json.Encoder) (*drawer, error) {
	d := &drawer{out: out, apns: "https://" + r.addresses.APNsEndpoint, topic: r.addresses.APNsTopic}
	roots, err := os.ReadFile(r.addresses.CA)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(roots)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	d.firebase, err = fcm.New(r.order.Credentials.FCM, fcm.Options{Endpoint: r.addresses.FCMEndpoint, Transport: keeping{d, transport}})
	if err != nil {
		return nil, err
	}
	d.bearer, err = providerToken(r.order.Credentials.APNs, r.order.Credentials.KeyID, r.order.Credentials.TeamID)
	return d, err
}

func (d *drawer) draw(ctx context.Context, to pusher.Address, delivery *pusher.Delivery) error {
	if to.Provider == pusher.FCM {
		if result := d.firebase.Send(ctx, to, delivery); result.Outcome != pusher.OutcomeAccepted {
			return fmt.Errorf("a request could not be drawn up: %s", result.Code)
		}
		return nil
	}
	body := apns.Payload(delivery)
	header := apns.Header(delivery, d.topic)
	header.Set("authorization", "bearer "+d.bearer)
	return d.out.Encode(bareRequest{d.apns + "/3/device/" + to.Value, flat(header), string(body)})
}

// keeping writes requests for notifications down and answers them itself; what is asked for a token goes out.
type keeping struct {
	d    *drawer
	next http.RoundTripper
}

// RoundTrip answers as Firebase does.
func (k keeping) RoundTrip(request *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(request.URL.Path, ":send") {
		return k.next.RoundTrip(request)
	}
	body, err := io.ReadAll(request.Body)
	if err == nil {
		err = k.d.out.Encode(bareRequest{request.URL.String(), flat(request.Header), string(body)})
	}
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"name":"kept"}`)), Request: request}, nil
}

func flat(h http.Header) map[string]string {
	m := make(map[string]string, len(h))
	for name := range h {
		m[name] = h.Get(name)
	}
	return m
}

// providerToken is one as Apple wants it.
func providerToken(p8 []byte, keyID, teamID string) (string, error) {
	block, _ := pem.Decode(p8)
	if block == nil {
		return "", errors.New("the emulator's key is not PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return "", err
	}
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{"iss": teamID, "iat": time.Now().Unix()})
	token.Header["kid"] = keyID
	return token.SignedString(key.(*ecdsa.PrivateKey))
}
