package app_test

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/pusher/emulator"
	"github.com/wantgo/wantgo/services/postgres"
)

// program builds the real program once for all journeys.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "wantgo-program-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "wantgo")
	build := exec.Command("go", "build", "-o", path, ".")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if builtProgram.Load() {
		if path, err := program(); err == nil {
			_ = os.RemoveAll(filepath.Dir(path))
		}
	}
	os.Exit(code)
}

var builtProgram atomic.Bool

// world is a data directory with a brand, the providers' emulators, and the programs that run on it.
type world struct {
	t         *testing.T
	program   string
	dir       string
	emulators *emulator.Emulators
	brand     struct {
		BrandID  string `json:"brand_id"`
		OwnerKey string `json:"owner_key"`
		AppKey   string `json:"app_key"`
	}
	signer ed25519.PrivateKey
}

func newWorld(t *testing.T) *world {
	t.Helper()
	if testing.Short() {
		t.Skip("journeys start the real program and a database server: not with -short")
	}
	t.Parallel()
	path, err := program()
	require.NoError(t, err)
	builtProgram.Store(true)
	// Not t.TempDir: as root the database server runs as another user, who must be able to pass through.
	dir, err := os.MkdirTemp("", "wantgo-journey-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o711))
	w := &world{t: t, program: path, dir: filepath.Join(dir, "data")}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	t.Cleanup(w.stopDatabase)
	w.emulators, err = emulator.Start(emulator.Config{Dir: filepath.Join(dir, "emulator")})
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.emulators.Close() })
	_, w.signer, err = ed25519.GenerateKey(nil)
	require.NoError(t, err)
	out := w.run("init", "--json", "--data-dir", w.dir, "--name", "Journey", "--filing", "registered", "--filing-number", "1",
		"--filing-date", "2024-01-01", "--sender-name", "Journey", "--sender-contact", "02-000-0000")
	require.NoError(t, json.Unmarshal(out, &w.brand))
	return w
}

// stopDatabase ends a server that a killed program left behind.
func (w *world) stopDatabase() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	server, err := postgres.Start(ctx, postgres.ServerConfig{DataDir: w.dir})
	if err == nil {
		err = server.Stop(ctx)
	}
	if err != nil {
		w.t.Errorf("stop the database server: %v", err)
	}
}

// run runs a command to its end and returns what it printed.
func (w *world) run(args ...string) []byte {
	w.t.Helper()
	cmd := exec.Command(w.program, args...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	require.NoError(w.t, err, "wantgo %s: %s", strings.Join(args, " "), &errs)
	return out
}

// process is a running `wantgo serve`.
type process struct {
	w        *world
	cmd      *exec.Cmd
	log      *logFile
	address  string
	internal string
	conn     *grpc.ClientConn
	ended    chan struct{} // closed when the process is gone; err is how it ended
	err      error
}

// logFile keeps what a process logs, to be looked at while it is written.
type logFile struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logFile) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

var readyLine = regexp.MustCompile(`^wantgo is ready: api http://(\S+) internal http://(\S+)$`)

func (w *world) serve(more ...string) *process {
	w.t.Helper()
	a := w.emulators.Addresses
	p := &process{w: w, log: &logFile{}, ended: make(chan struct{})}
	p.cmd = exec.Command(w.program, append([]string{"serve", "--data-dir", w.dir, "--listen", "127.0.0.1:0", "--internal-listen", "127.0.0.1:0",
		"--fcm-endpoint", a.FCMEndpoint, "--apns-endpoint", a.APNsEndpoint, "--apns-ca", a.CA, "--log-format", "json"}, more...)...)
	p.cmd.Stderr = p.log
	out, err := p.cmd.StdoutPipe()
	require.NoError(w.t, err)
	require.NoError(w.t, p.cmd.Start())
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	go func() {
		_, _ = io.Copy(io.Discard, lines)
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	w.t.Cleanup(p.kill)
	require.NoError(w.t, err, "no ready line: %s", p.log)
	ready := readyLine.FindStringSubmatch(strings.TrimSpace(line))
	require.NotNil(w.t, ready, line)
	p.address, p.internal = ready[1], ready[2]
	p.conn, err = grpc.NewClient(p.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = p.conn.Close() })
	w.t.Cleanup(func() {
		if w.t.Failed() {
			w.t.Logf("log of process %d:\n%s", p.cmd.Process.Pid, p.log)
		}
	})
	return p
}

// kill ends the process as a power cut would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// stop asks the process to stop and wants it to end without a fault.
func (p *process) stop() {
	p.w.t.Helper()
	require.NoError(p.w.t, p.cmd.Process.Signal(syscall.SIGTERM))
	<-p.ended
	require.NoError(p.w.t, p.err, "%s", p.log)
}

// page reads an internal page.
func (p *process) page(path string) (status int, body string) {
	p.w.t.Helper()
	r, err := http.Get("http://" + p.internal + path)
	require.NoError(p.w.t, err)
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	require.NoError(p.w.t, err)
	return r.StatusCode, string(text)
}

// owner calls with the owner's key.
func (p *process) owner() context.Context {
	return metadata.AppendToOutgoingContext(p.w.t.Context(), "authorization", "Bearer "+p.w.brand.OwnerKey)
}

func id() string { return uuid.NewString() }

// settings opens the brand to identities signed by the test, decides by geometry alone, and sets caps.
func (p *process) settings(caps ...*v1.Cap) {
	t := p.w.t
	t.Helper()
	public, err := x509.MarshalPKIXPublicKey(p.w.signer.Public())
	require.NoError(t, err)
	brands := v1.NewBrandServiceClient(p.conn)
	got, err := brands.GetBrand(p.owner(), &v1.GetBrandRequest{})
	require.NoError(t, err)
	s := got.GetBrand().GetSettings()
	s.Caps, s.MinimumGap = caps, durationpb.New(0)
	s.Presence = &v1.PresenceRules{Policy: v1.PresenceRules_EXACT}
	s.Identify = &v1.IdentifySettings{Issuer: "journey", Keys: []*v1.IdentifySettings_Key{{Id: "k1",
		PublicKeyPem: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))}}}
	_, err = brands.UpdateBrand(p.owner(), &v1.UpdateBrandRequest{RequestId: id(), Brand: &v1.Brand{Settings: s}})
	require.NoError(t, err)
}

// credentials uploads what reaches the emulators.
func (p *process) credentials() {
	t, e := p.w.t, p.w.emulators
	t.Helper()
	service := v1.NewCredentialServiceClient(p.conn)
	_, err := service.UploadCredential(p.owner(), &v1.UploadCredentialRequest{RequestId: id(), Credential: &v1.UploadCredentialRequest_Firebase{
		Firebase: &v1.FirebaseKey{ServiceAccountJson: e.FCM.ServiceAccountJSON()}}})
	require.NoError(t, err)
	_, err = service.UploadCredential(p.owner(), &v1.UploadCredentialRequest{RequestId: id(), Credential: &v1.UploadCredentialRequest_Apns{
		Apns: &v1.ApnsKey{PrivateKey: e.APNs.P8(), KeyId: e.APNs.KeyID(), TeamId: e.APNs.TeamID(), Topic: e.APNs.Topic(),
			Environment: v1.PushAddress_PRODUCTION}}})
	require.NoError(t, err)
}

// place of the i-th store: a kilometre and more apart from the others.
func place(i int) (latitude, longitude float64) {
	return 37.4 + 0.01*float64(i/20), 126.8 + 0.02*float64(i%20)
}

// stores makes n stores s0, s1, … with a fence of 100 m around each, and a campaign for whoever enters one.
func (p *process) stores(n int) {
	t := p.w.t
	t.Helper()
	file := &strings.Builder{}
	fmt.Fprintln(file, "id,lat,lng,name")
	for i := range n {
		latitude, longitude := place(i)
		fmt.Fprintf(file, "s%d,%f,%f,Store %d\n", i, latitude, longitude, i)
	}
	report, err := v1.NewStoreServiceClient(p.conn).ImportStores(p.owner(), &v1.ImportStoresRequest{RequestId: id(),
		Content: []byte(file.String()), Format: v1.ImportStoresRequest_CSV, NearRadiusMeters: 100})
	require.NoError(t, err)
	require.EqualValues(t, n, report.GetReport().GetCreated(), report)
	campaigns := v1.NewCampaignServiceClient(p.conn)
	made, err := campaigns.CreateCampaign(p.owner(), &v1.CreateCampaignRequest{RequestId: id(), Campaign: &v1.Campaign{
		ExternalId: "welcome", DisplayName: "Welcome", Trigger: &v1.Trigger{Kinds: []v1.Moment_Kind{v1.Moment_ENTERED}},
		Offer: &v1.Offer{Titles: map[string]string{"ko": "라떼 30% 할인", "en": "30% off any latte"}, Stock: 100_000,
			Validity: &v1.Offer_ValidFor{ValidFor: durationpb.New(2 * time.Hour)}},
		Texts: map[string]*v1.CampaignText{"ko": {Title: "{store}", Body: "{offer} 쿠폰 {coupon_code}"}, "en": {Title: "{store}", Body: "{offer}: {coupon_code}"}},
	}})
	require.NoError(t, err)
	_, err = campaigns.ActivateCampaign(p.owner(), &v1.ActivateCampaignRequest{RequestId: id(),
		Key: &v1.ActivateCampaignRequest_Id{Id: made.GetCampaign().GetId()}})
	require.NoError(t, err)
}

// phone is one installation of the app, which may call any process.
type phone struct {
	w        *world
	id       string
	token    string
	presence []byte
}

// register makes a phone that can be reached at address.
func (p *process) register(platform v1.Device_Platform, address *v1.PushAddress) *phone {
	t := p.w.t
	t.Helper()
	app := metadata.AppendToOutgoingContext(t.Context(), "wantgo-app-key", p.w.brand.AppKey)
	devices := v1.NewDeviceServiceClient(p.conn)
	made, err := devices.RegisterDevice(app, &v1.RegisterDeviceRequest{RequestId: id(), Platform: platform, AppBuild: "1", Locale: "ko",
		TimeZone: "Asia/Seoul", Age: &v1.RegisterDeviceRequest_MinimumAgeReached{MinimumAgeReached: true}})
	require.NoError(t, err)
	h := &phone{w: p.w, id: made.GetDevice().GetId(), token: made.GetDeviceToken()}
	_, err = devices.UpdatePushAddress(h.context(), &v1.UpdatePushAddressRequest{RequestId: id(), PushAddress: address})
	require.NoError(t, err)
	return h
}

func fcmAddress(value string) *v1.PushAddress {
	return &v1.PushAddress{Provider: v1.PushAddress_FCM, Kind: v1.PushAddress_TOKEN, Value: value, Permission: v1.PushAddress_GRANTED}
}

func (h *phone) context() context.Context {
	return metadata.AppendToOutgoingContext(h.w.t.Context(), "wantgo-app-key", h.w.brand.AppKey, "authorization", "Bearer "+h.token)
}

// consent agrees to all that a notification needs, at any hour.
func (h *phone) consent(p *process) {
	h.w.t.Helper()
	hash := sha256.Sum256([]byte("what the person saw"))
	var consents []*v1.Consent
	for _, purpose := range []v1.Consent_Purpose{v1.Consent_LOC_USE, v1.Consent_AD_PUSH, v1.Consent_AD_PUSH_NIGHT} {
		consents = append(consents, &v1.Consent{Purpose: purpose, State: v1.Consent_GRANTED, NoticeVersion: "1", NoticeHash: hash[:],
			Locale: "ko", Screen: "test", Actor: v1.Consent_SELF, OccurredTime: timestamppb.Now()})
	}
	_, err := v1.NewDeviceServiceClient(p.conn).RecordConsents(h.context(), &v1.RecordConsentsRequest{RequestId: id(), Consents: consents})
	require.NoError(h.w.t, err)
}

// identify says who holds the phone, as the brand's backend would.
func (h *phone) identify(p *process, person string) (joined bool) {
	t := h.w.t
	t.Helper()
	claims := jwt.MapClaims{"iss": "journey", "sub": person, "exp": time.Now().Add(time.Hour).Unix()}
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims)
	token.Header["kid"] = "k1"
	signed, err := token.SignedString(h.w.signer)
	require.NoError(t, err)
	answer, err := v1.NewDeviceServiceClient(p.conn).IdentifyPerson(h.context(), &v1.IdentifyPersonRequest{RequestId: id(), PersonJwt: signed})
	require.NoError(t, err)
	h.token = answer.GetDeviceToken()
	return answer.GetJoined()
}

// enter reports one position outside the i-th store and one inside. Told that the server is full, the phone reports
// the same positions again, as the contract asks.
func (h *phone) enter(p *process, i int, state v1.Ping_AppState) (*v1.ReportPingsResponse, error) {
	latitude, longitude := place(i)
	now := time.Now()
	report := &v1.ReportPingsRequest{
		AppState: state, PresenceToken: h.presence, SentTime: timestamppb.New(now), Pings: []*v1.Ping{
			{Id: id(), Latitude: latitude + 0.004, Longitude: longitude, AccuracyMeters: 5, ObservedTime: timestamppb.New(now.Add(-30 * time.Second))},
			{Id: id(), Latitude: latitude, Longitude: longitude, AccuracyMeters: 5, ObservedTime: timestamppb.New(now.Add(-time.Second))},
		}}
	ctx, cancel := context.WithTimeout(h.context(), patience)
	defer cancel()
	for {
		answer, err := v1.NewLocationServiceClient(p.conn).ReportPings(ctx, report)
		h.presence = answer.GetPresenceToken()
		if reasonOf(err) != "OVERLOADED" {
			return answer, err
		}
	}
}

// decision is what `wantgo why --json` says of one.
type decision struct {
	Reason          string
	Values          map[string]string
	Campaign, Store string
	Deliveries      []decidedDelivery
}

type decidedDelivery struct{ State, Code string }

// why asks the program, while servers run on the same directory.
func (w *world) why(args ...string) (all []decision) {
	w.t.Helper()
	out := w.run(append([]string{"why", "--data-dir", w.dir, "--json", "--limit", "1000"}, args...)...)
	var answer v1.ExplainDecisionsResponse
	require.NoError(w.t, protojson.Unmarshal(out, &answer))
	for _, d := range answer.GetDecisions() {
		told := decision{Reason: d.GetReason().String(), Values: d.GetValues(), Campaign: d.GetCampaignDisplayName(), Store: d.GetMoment().GetStoreDisplayName()}
		for _, x := range d.GetNotification().GetDeliveries() {
			told.Deliveries = append(told.Deliveries, decidedDelivery{strings.ToLower(x.GetState().String()), x.GetProviderCode()})
		}
		all = append(all, told)
	}
	return all
}

// reasonOf is the reason in an error of the API.
func reasonOf(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}
