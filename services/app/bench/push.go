package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/emulator"
	"github.com/wantgo/wantgo/services/app/node"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
)

// emulated is the line with which the emulators say where they are.
var emulated = regexp.MustCompile(`"fcm_endpoint":"([^"]+)".*"control":"([^"]+)"`)

// provider is a push provider of our own, in a process of its own: Firebase Cloud Messaging, which takes everything.
type provider struct {
	process *process
	account []byte // the credential
}

func (p *provider) endpoint() string { return p.process.api }
func (p *provider) control() string  { return p.process.internal }

func startProvider(ctx context.Context, program, dataDir string) (*provider, error) {
	dir := filepath.Join(dataDir, "emulator")
	if err := os.MkdirAll(dir, 0o711); err != nil { // the data directory is passed through by the database server's user
		return nil, err
	}
	if err := os.Chmod(dataDir, 0o711); err != nil {
		return nil, err
	}
	p, err := start(ctx, program, emulated, "emulator", "--json", "--dir", dir, "--fcm", "127.0.0.1:0", "--apns", "127.0.0.1:0",
		"--control", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	account, err := os.ReadFile(filepath.Join(dir, "firebase.json"))
	if err != nil {
		return nil, fmt.Errorf("%w (%v)", err, p.stop())
	}
	return &provider{p, account}, nil
}

// reach gives the brand the provider's credential, as an upload would.
func (t *tenant) reach(ctx context.Context, e *engine.Engine, account []byte) error {
	c, err := brand.CheckServiceAccount(account)
	if err != nil {
		return err
	}
	c.ID, c.BrandID, c.UpdatedAt = uuid.New(), t.brand, e.Now()
	if c.Sealed, err = e.SealCredential(t.brand, account); err != nil {
		return err
	}
	_, err = e.Write(ctx, engine.CatalogueWrite{BrandID: t.brand, Actor: "bench", Credentials: []brand.Credential{c}})
	return err
}

// reachAnew does so in a directory that is used again: the provider is another one each time.
func (t *tenant) reachAnew(ctx context.Context, dataDir string, account []byte, log *slog.Logger) (err error) {
	n, err := node.Open(ctx, node.Config{DataDir: dataDir, Log: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close(context.WithoutCancel(ctx))) }()
	return t.reach(ctx, n.Engine(), account)
}

// address is where a device is reached.
func address(device uuid.UUID) *pusher.Address {
	return &pusher.Address{Provider: pusher.FCM, Kind: "token", Value: "bench-" + device.String()}
}

// notified is what came of the notifications of a stretch of time.
type notified struct {
	Deliveries int            `json:"deliveries"`
	States     map[string]int `json:"states"`
	P50        float64        `json:"p50_ms"` // from the ping's receipt to the provider's acceptance
	P99        float64        `json:"p99_ms"`
}

// settleTime is how long notifications may take to end after the last ping.
const settleTime = 10 * time.Second

// notified waits until the deliveries since a time have ended, and times them by the provider's own record.
func (p *provider) notified(ctx context.Context, t *tenant, since time.Time) (n notified, err error) {
	received := map[uuid.UUID]time.Time{}
	for began := time.Now(); ; pause(ctx, 100*time.Millisecond) {
		n.States = map[string]int{}
		err := postgres.EachDelivery(ctx, t.url, t.brand, since, func(d postgres.DeliveryRow) {
			n.States[d.State]++
			received[d.ID] = d.CreatedAt
		})
		if err != nil {
			return n, err
		}
		if n.States["pending"] == 0 || time.Since(began) > settleTime || ctx.Err() != nil {
			break
		}
	}
	n.Deliveries = len(received)
	accepted, err := p.accepted(ctx)
	if err != nil {
		return n, err
	}
	var times []uint32
	for _, a := range accepted {
		id, err := uuid.Parse(a.Delivery)
		if at, ok := received[id]; ok && err == nil {
			times = append(times, uint32(max(0, a.Time.Sub(at).Microseconds())))
		}
	}
	n.P50, n.P99 = quantile(times, 0.5)/1000, quantile(times, 0.99)/1000
	return n, nil
}

func (p *provider) accepted(ctx context.Context) (list []emulator.Accepted, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.control()+"/fcm/accepted", nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return list, json.NewDecoder(bufio.NewReader(answer.Body)).Decode(&list)
}
