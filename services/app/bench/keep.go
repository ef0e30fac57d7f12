package bench

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// keptFile says what an earlier run made in a data directory.
const keptFile = "bench.json"

// kept is what a later run can use again: everything but the people, whose time has moved on.
type kept struct {
	Made    furnished `json:"made"`
	Brand   uuid.UUID `json:"brand"`
	AppKey  string    `json:"app_key"`
	APIKeys []string  `json:"api_keys"`
}

// furnished is what a directory was furnished with.
type furnished struct {
	Fences    int     `json:"fences"`
	Box       string  `json:"box"`
	Radius    float64 `json:"radius"`
	Seed      uint64  `json:"seed"`
	Policy    string  `json:"policy"`
	Campaigns int     `json:"campaigns"`
	Matching  int     `json:"matching"`
	Push      bool    `json:"push"`
}

func (c *ingestCommand) furnished() furnished {
	return furnished{c.Fences, c.Box, c.Radius, c.Seed, c.Policy, c.Campaigns, c.Matching, c.Push}
}

// readKept finds what an earlier run made; nil: the directory is empty or not there.
func (c *ingestCommand) readKept() (*tenant, error) {
	entries, err := os.ReadDir(c.DataDir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(c.DataDir, keptFile))
	var k kept
	if err != nil || json.Unmarshal(text, &k) != nil {
		return nil, fmt.Errorf("--data-dir: %s holds something that no finished measurement made", c.DataDir)
	}
	if k.Made != c.furnished() {
		return nil, fmt.Errorf("--data-dir: %s was made with other flags: %+v", c.DataDir, k.Made)
	}
	return &tenant{brand: k.Brand, appKey: k.AppKey, apiKeys: k.APIKeys, again: true}, nil
}

func (c *ingestCommand) writeKept(t *tenant) error {
	text, err := json.MarshalIndent(kept{c.furnished(), t.brand, t.appKey, t.apiKeys}, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(c.DataDir, keptFile), text, 0o600)
}

// registrations is how many calls register people at once.
const registrations = 32

// enrol registers devices and their consents over the public API, as a brand's server would.
func (t *tenant) enrol(ctx context.Context, conn grpc.ClientConnInterface, population, walkers int, push bool, tell func(string, int)) error {
	t.devices, t.tokens = make([]uuid.UUID, population), make([]string, walkers)
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range registrations {
		group.Go(func() error {
			for i := int(next.Add(1)) - 1; i < population; i = int(next.Add(1)) - 1 {
				if err := t.enrolOne(ctx, v1.NewDeviceServiceClient(conn), i, push); err != nil {
					return err
				}
			}
			return nil
		})
	}
	tell("people registering over the API", population)
	return group.Wait()
}

func (t *tenant) enrolOne(ctx context.Context, devices v1.DeviceServiceClient, i int, push bool) error {
	made, err := insist(t.asServer(ctx, i), devices.RegisterDevice, &v1.RegisterDeviceRequest{
		RequestId: uuid.NewString(), Platform: v1.Device_ANDROID, AppBuild: "1", Locale: "ko", TimeZone: "Asia/Seoul",
		Age: &v1.RegisterDeviceRequest_MinimumAgeReached{MinimumAgeReached: true}, ExternalId: "d" + strconv.Itoa(i) + "-" + uuid.NewString(),
	})
	if err != nil {
		return fmt.Errorf("register a device: %w", err)
	}
	notice := sha256.Sum256([]byte("bench"))
	var consents []*v1.Consent
	for _, p := range []v1.Consent_Purpose{v1.Consent_LOC_USE, v1.Consent_AD_PUSH, v1.Consent_AD_PUSH_NIGHT} {
		consents = append(consents, &v1.Consent{Purpose: p, State: v1.Consent_GRANTED, NoticeVersion: "bench", NoticeHash: notice[:],
			Actor: v1.Consent_SELF, OccurredTime: timestamppb.New(time.Now().Add(-2 * span))})
	}
	_, err = insist(t.asServer(ctx, i), devices.RecordConsents, &v1.RecordConsentsRequest{
		RequestId: uuid.NewString(), Consents: consents, DeviceId: made.GetDevice().GetId(),
	})
	if err != nil {
		return fmt.Errorf("record consents: %w", err)
	}
	if i < len(t.tokens) {
		t.tokens[i] = made.GetDeviceToken()
	}
	if t.devices[i], err = uuid.Parse(made.GetDevice().GetId()); err != nil || !push {
		return err
	}
	_, err = insist(t.asServer(ctx, i), devices.UpdatePushAddress, &v1.UpdatePushAddressRequest{
		RequestId: uuid.NewString(), DeviceId: made.GetDevice().GetId(), PushAddress: &v1.PushAddress{Provider: v1.PushAddress_FCM,
			Kind: v1.PushAddress_TOKEN, Value: address(t.devices[i]).Value, Permission: v1.PushAddress_GRANTED},
	})
	return err
}
