package app_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/pusher/emulator"
)

// patience is how long something may take that has to happen; nothing is concluded from it being quicker.
const patience = 90 * time.Second

func TestPingBecomesCoupon(t *testing.T) {
	w := newWorld(t)
	p := w.serve()
	p.settings()
	p.credentials()
	p.stores(3)
	android := p.register(v1.Device_ANDROID, fcmAddress("android-1"))
	apple := p.register(v1.Device_IOS, &v1.PushAddress{Provider: v1.PushAddress_APNS, Kind: v1.PushAddress_TOKEN,
		Value: strings.Repeat("ab", 32), Environment: v1.PushAddress_PRODUCTION, Permission: v1.PushAddress_GRANTED})
	silent := p.register(v1.Device_ANDROID, fcmAddress("android-2"))
	for _, h := range []*phone{android, apple} {
		h.consent(p)
	}

	for i, h := range []*phone{android, apple} {
		answer, err := h.enter(p, i, v1.Ping_BACKGROUND)
		require.NoError(t, err)
		require.Len(t, answer.GetResults(), 2)
		require.Equal(t, fmt.Sprintf("s%d", i), answer.GetResults()[1].GetTransitions()[0].GetStoreExternalId())
		require.Nil(t, answer.GetInAppMessage(), "the app is not on the screen")
	}
	answer, err := silent.enter(p, 2, v1.Ping_BACKGROUND)
	require.NoError(t, err)
	require.Equal(t, v1.PingRefusal_LOCATION_NOT_CONSENTED, answer.GetResults()[1].GetRefusal())

	require.Eventually(t, func() bool { return w.emulators.Distinct() == 2 }, patience, 20*time.Millisecond)
	for _, a := range w.emulators.Accepted() {
		require.Contains(t, a.Title, "(광고)", "advertising says so")
	}
	coupons, err := v1.NewWalletServiceClient(p.conn).ListCoupons(android.context(), &v1.ListCouponsRequest{})
	require.NoError(t, err)
	require.Len(t, coupons.GetCoupons(), 1)
	redeem := &v1.RedeemCouponRequest{RequestId: id(), Coupon: &v1.RedeemCouponRequest_Code{Code: coupons.GetCoupons()[0].GetCode()},
		Store: &v1.RedeemCouponRequest_StoreExternalId{StoreExternalId: "s0"}}
	_, err = v1.NewWalletServiceClient(p.conn).RedeemCoupon(p.owner(), redeem)
	require.NoError(t, err)
	_, err = v1.NewWalletServiceClient(p.conn).RedeemCoupon(p.owner(), redeem)
	require.NoError(t, err, "a repeat is answered as the first time")
	redeem.RequestId = id()
	_, err = v1.NewWalletServiceClient(p.conn).RedeemCoupon(p.owner(), redeem)
	require.Equal(t, "COUPON_REDEEMED", reasonOf(err), "a coupon is redeemed once")

	won := w.why("--device", android.id)
	require.Equal(t, "WON", won[0].Reason)
	require.Equal(t, "Store 0", won[0].Store)
	require.Equal(t, "Welcome", won[0].Campaign)
	require.Equal(t, won, w.why("--coupon", coupons.GetCoupons()[0].GetCode()))
	require.Eventually(t, func() bool {
		d := w.why("--device", apple.id)
		return len(d) == 1 && len(d[0].Deliveries) == 1 && d[0].Deliveries[0].State == "accepted"
	}, patience, 50*time.Millisecond)

	status, _ := p.page("/livez")
	require.Equal(t, http.StatusOK, status)
	status, _ = p.page("/readyz")
	require.Equal(t, http.StatusOK, status)
	_, metrics := p.page("/metrics")
	require.Contains(t, metrics, `wantgo_decisions_total{reason="WON"} 2`)
	p.stop()
	for _, secret := range []string{"37.4", "126.8", "android-1", strings.Repeat("ab", 32), w.brand.OwnerKey, w.brand.AppKey, android.token} {
		require.NotContains(t, p.log.String(), secret, "no coordinate, address or secret is logged")
	}
}

func TestCapHoldsAcrossProcesses(t *testing.T) {
	const devices = 200
	w := newWorld(t)
	a := w.serve()
	b := w.serve()
	nodes := [2]*process{a, b}
	a.settings(&v1.Cap{Scope: v1.Cap_BRAND, Limit: 2, Window: &v1.Cap_Calendar_{Calendar: v1.Cap_DAY}})
	a.credentials()
	a.stores(devices)
	phones := make([]*phone, devices)
	for i := range phones {
		phones[i] = a.register(v1.Device_ANDROID, fcmAddress(fmt.Sprintf("phone-%d", i)))
		if i == 0 {
			phones[i].consent(a)
		}
		require.Equal(t, i > 0, phones[i].identify(a, "member-1"))
	}
	require.Eventually(t, func() bool {
		got, err := v1.NewCampaignServiceClient(b.conn).GetCampaign(b.owner(), &v1.GetCampaignRequest{
			Key: &v1.GetCampaignRequest_ExternalId{ExternalId: "welcome"}})
		return err == nil && got.GetCampaign().GetState() == v1.Campaign_LIVE
	}, patience, 20*time.Millisecond, "the other process sees the campaign")

	start, faults := make(chan struct{}), make(chan error, devices)
	var all sync.WaitGroup
	for i, h := range phones {
		all.Go(func() {
			<-start
			answer, err := h.enter(nodes[i%2], i, v1.Ping_BACKGROUND)
			if err == nil && len(answer.GetResults()[1].GetTransitions()) != 1 {
				err = fmt.Errorf("phone %d: %v", i, answer.GetResults()[1])
			}
			faults <- err
		})
	}
	close(start)
	all.Wait()
	for range devices {
		require.NoError(t, <-faults)
	}

	reasons := map[string]int{}
	for _, d := range w.why("--person", "member-1") {
		reasons[d.Reason]++
		if d.Reason == "CAP_REACHED" {
			require.Equal(t, "2", d.Values["limit"])
		}
	}
	require.Equal(t, map[string]int{"WON": 2, "CAP_REACHED": devices - 2}, reasons)
	require.Eventually(t, func() bool { return w.emulators.Distinct() == 2 }, patience, 20*time.Millisecond)
	a.stop()
	b.stop()
	require.Equal(t, 2, w.emulators.Distinct(), "and no more, once everything has ended")
}

func TestNothingIsLostWhenKilled(t *testing.T) {
	const devices = 30
	w := newWorld(t)
	p := w.serve()
	p.settings()
	p.credentials()
	p.stores(devices)
	phones := make([]*phone, devices)
	for i := range phones {
		phones[i] = p.register(v1.Device_ANDROID, fcmAddress(fmt.Sprintf("phone-%d", i)))
		phones[i].consent(p)
	}
	fcm := w.emulators.FCM
	// One is accepted, and the answer does not come: in flight when the program dies.
	require.NoError(t, fcm.On("phone-0", emulator.Outcome{Delay: emulator.Duration(time.Hour)}))
	_, err := phones[0].enter(p, 0, v1.Ping_BACKGROUND)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return fcm.Counts().Accepted == 1 }, patience, 5*time.Millisecond)
	fcm.Stall()
	for i, h := range phones[1:] {
		_, err := h.enter(p, i+1, v1.Ping_BACKGROUND)
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { return fcm.Counts().Held > 0 }, patience, 5*time.Millisecond)
	p.kill()
	require.Equal(t, 1, fcm.Counts().Accepted, "the others wait")
	fcm.Release()

	again := w.serve()
	require.Contains(t, again.log.String(), `"adopted":true`)
	require.Eventually(t, func() bool { return w.emulators.Distinct() == devices }, patience, 50*time.Millisecond)
	for _, h := range phones {
		require.Eventually(t, func() bool {
			d := w.why("--device", h.id)
			return len(d) == 1 && len(d[0].Deliveries) == 1 && d[0].Deliveries[0].State == "accepted"
		}, patience, 50*time.Millisecond)
	}
	again.stop()
	require.Equal(t, devices, w.emulators.Distinct())
}

// TestReadmeSteps runs the README's ten steps as they are written, against a server on another port.
func TestReadmeSteps(t *testing.T) {
	w := newWorld(t)
	p := w.serve()
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	_, steps, _ := strings.Cut(string(text), "in ten steps\n")
	steps, _, ok := strings.Cut(steps, "The same calls by gRPC")
	require.True(t, ok)
	script := &strings.Builder{}
	for i, block := range strings.Split(steps, "```sh\n")[1:] {
		code, _, ok := strings.Cut(block, "```")
		require.True(t, ok)
		if i > 2 { // building, making the brand and starting are what this test does itself
			script.WriteString(code)
		}
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "firebase.json"), w.emulators.FCM.ServiceAccountJSON(), 0o600))
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", script.String())
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "WANTGO_ADDRESS="+p.address, "WANTGO_API_KEY="+w.brand.OwnerKey,
		"WANTGO_APP_KEY="+w.brand.AppKey, "WANTGO_DATA_DIR="+w.dir,
		"PATH="+filepath.Dir(w.program)+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), `campaign "Latte"`+"\n  WON: ")
	require.Eventually(t, func() bool { return w.emulators.Distinct() == 1 }, patience, 20*time.Millisecond)
	p.stop()
}
