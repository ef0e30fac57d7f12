package app_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/app"
	"github.com/wantgo/wantgo/services/app/doctor"
)

// A backup is made while the server works. In it are somebody who is erased later, a coupon that was redeemed, and
// deliveries that wait because the provider does not answer; the provider accepts them after the backup. Restored:
// the erased person stays erased, the coupon redeemed, and nothing is handed to the provider again.
func TestRestoreKnowsWhatCameAfter(t *testing.T) {
	w := newWorld(t)
	p := w.serve("--erasures-file", filepath.Join(filepath.Dir(w.dir), "kept.jsonl"))
	p.settings()
	p.credentials()
	p.stores(4)
	wallet := v1.NewWalletServiceClient(p.conn)
	erased, redeemer := p.register(v1.Device_ANDROID, fcmAddress("erased")), p.register(v1.Device_ANDROID, fcmAddress("redeemer"))
	waiting := []*phone{p.register(v1.Device_ANDROID, fcmAddress("waiting-1")), p.register(v1.Device_ANDROID, fcmAddress("waiting-2"))}
	for _, h := range append([]*phone{erased, redeemer}, waiting...) {
		h.consent(p)
	}
	for i, h := range []*phone{erased, redeemer} {
		_, err := h.enter(p, i, v1.Ping_BACKGROUND)
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { return w.emulators.Distinct() == 2 }, patience, 20*time.Millisecond)
	coupons, err := wallet.ListCoupons(redeemer.context(), &v1.ListCouponsRequest{})
	require.NoError(t, err)
	redeem := &v1.RedeemCouponRequest{RequestId: id(), Coupon: &v1.RedeemCouponRequest_Code{Code: coupons.GetCoupons()[0].GetCode()},
		Store: &v1.RedeemCouponRequest_StoreExternalId{StoreExternalId: "s1"}}
	_, err = wallet.RedeemCoupon(p.owner(), redeem)
	require.NoError(t, err)
	w.emulators.FCM.Stall()
	for i, h := range waiting {
		_, err := h.enter(p, 2+i, v1.Ping_BACKGROUND)
		require.NoError(t, err)
	}

	archive, list := filepath.Join(filepath.Dir(w.dir), "backup.tgz"), filepath.Join(filepath.Dir(w.dir), "erasures.jsonl")
	old := filepath.Join(filepath.Dir(w.dir), "old.jsonl")
	w.run("erasures", "--data-dir", w.dir, "--out", old)
	w.run("backup", "--data-dir", w.dir, "--with-secret", archive)
	code, _, errs := typed(t, "backup", "--data-dir", w.dir, archive)
	require.Equal(t, app.ExitFault, code)
	require.Contains(t, errs, "is not overwritten")

	w.emulators.FCM.Release()
	require.Eventually(t, func() bool { return w.emulators.Distinct() == 4 }, patience, 20*time.Millisecond)
	_, err = v1.NewDeviceServiceClient(p.conn).DeleteMe(erased.context(), &v1.DeleteMeRequest{RequestId: id()})
	require.NoError(t, err)
	late, err := waiting[0].enter(p, 3, v1.Ping_BACKGROUND) // its token knows of what the backup does not
	require.NoError(t, err)
	require.NotEmpty(t, late.GetPresenceToken())
	p.stop()
	w.run("erasures", "--data-dir", w.dir, "--out", list)
	kept, err := os.ReadFile(filepath.Join(filepath.Dir(w.dir), "kept.jsonl"))
	require.NoError(t, err)
	written, err := os.ReadFile(list)
	require.NoError(t, err)
	require.Equal(t, strings.SplitAfterN(string(written), "\n", 2)[1], strings.SplitAfterN(string(kept), "\n", 2)[1], "the node keeps the same list by itself")

	restored := filepath.Join(filepath.Dir(w.dir), "restored")
	for _, refused := range []struct {
		words string
		args  []string
	}{
		{"whoever was erased", []string{archive, "--data-dir", restored}},
		{"older than the backup", []string{archive, "--data-dir", restored, "--erasures", old}},
		{"There is a database already", []string{archive, "--data-dir", w.dir, "--erasures", list}},
		{"damaged", []string{w.broken(archive), "--data-dir", restored, "--erasures", list}},
	} {
		code, _, errs := typed(t, append([]string{"restore"}, refused.args...)...)
		require.NotEqual(t, app.ExitOK, code)
		require.Contains(t, strings.ToLower(errs), strings.ToLower(refused.words))
		_, err := os.Stat(filepath.Join(restored, "postgres"))
		require.ErrorIs(t, err, os.ErrNotExist, "nothing is left")
	}
	var done struct {
		Resumption struct{ Erased, Deliveries int }
		Epoch      string
	}
	require.NoError(t, json.Unmarshal(w.run("restore", archive, "--json", "--data-dir", restored, "--erasures", list), &done))
	require.Equal(t, 1, done.Resumption.Erased)
	require.Equal(t, 2, done.Resumption.Deliveries)

	first := w.dir
	w.dir = restored
	t.Cleanup(w.stopDatabase)
	t.Cleanup(func() { w.dir = restored })
	require.NoError(t, os.RemoveAll(first))
	p = w.serve()
	_, err = erased.enter(p, 0, v1.Ping_BACKGROUND)
	require.Contains(t, []codes.Code{codes.Unauthenticated, codes.NotFound, codes.PermissionDenied, codes.FailedPrecondition}, status.Code(err), err)
	redeem.RequestId = id()
	_, err = v1.NewWalletServiceClient(p.conn).RedeemCoupon(p.owner(), redeem)
	require.Equal(t, "COUPON_REDEEMED", reasonOf(err))
	for _, h := range waiting {
		d := w.why("--device", h.id)
		require.Len(t, d, 1)
		require.Equal(t, "expired", d[0].Deliveries[0].State)
		require.Equal(t, "RESTORED", d[0].Deliveries[0].Code)
	}
	_, err = redeemer.enter(p, 2, v1.Ping_BACKGROUND) // a new moment is pushed: the dispatcher works
	require.NoError(t, err)
	require.Eventually(t, func() bool { return w.emulators.Distinct() == 5 }, patience, 20*time.Millisecond)
	require.Equal(t, 5, len(w.emulators.Accepted()), "nothing was handed over twice")
	var health struct {
		Level    doctor.Level
		Findings []doctor.Finding
	}
	require.NoError(t, json.Unmarshal(w.run("doctor", "--json", "--data-dir", restored), &health), "nothing is bad")
	require.Len(t, health.Findings, len(doctor.Names()))
	p.stop()
	require.Regexp(t, `^\d+-00000002-[0-9a-f]{32}$`, done.Epoch)
}

// broken is a copy of an archive with one bit turned in the middle.
func (w *world) broken(archive string) string {
	w.t.Helper()
	b, err := os.ReadFile(archive)
	require.NoError(w.t, err)
	b[len(b)/2] ^= 1
	name := fmt.Sprintf("%s.broken", archive)
	require.NoError(w.t, os.WriteFile(name, b, 0o600))
	return name
}
