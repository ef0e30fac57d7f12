package wantgov1_test

import (
	"math"
	"strings"
	"testing"

	"buf.build/go/protovalidate"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/timestamppb"
	"sigs.k8s.io/yaml"

	wantgov1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

func files() (all []protoreflect.FileDescriptor) {
	protoregistry.GlobalFiles.RangeFilesByPackage("wantgo.v1", func(f protoreflect.FileDescriptor) bool {
		all = append(all, f)
		return true
	})
	return all
}

func methods() (all []protoreflect.MethodDescriptor) {
	for _, f := range files() {
		for i := range f.Services().Len() {
			of := f.Services().Get(i).Methods()
			for j := range of.Len() {
				all = append(all, of.Get(j))
			}
		}
	}
	return all
}

func messages(in protoreflect.MessageDescriptors) (all []protoreflect.MessageDescriptor) {
	for i := range in.Len() {
		if m := in.Get(i); !m.IsMapEntry() {
			all = append(append(all, m), messages(m.Messages())...)
		}
	}
	return all
}

func TestEveryMethodHasItsDoor(t *testing.T) {
	key := (&wantgov1.Key{}).ProtoReflect().Descriptor().Fields().ByName("scopes")
	rules, err := protovalidate.ResolveFieldRules(key)
	require.NoError(t, err)
	scopes := rules.GetRepeated().GetItems().GetString().GetIn()
	require.NotEmpty(t, scopes)

	require.Greater(t, len(methods()), 40)
	used := map[string]bool{}
	for _, m := range methods() {
		access := wantgov1.MethodAccess(m)
		require.NotNil(t, access, m.FullName())
		require.NotEmpty(t, access.Callers, m.FullName())
		servers := false
		for _, c := range access.Callers {
			require.NotEqual(t, wantgov1.Access_CALLER_UNSPECIFIED, c, m.FullName())
			servers = servers || c == wantgov1.Access_SERVER
		}
		require.Equal(t, servers, access.Scope != "", m.FullName())
		if servers {
			require.Contains(t, scopes, access.Scope, m.FullName())
			used[access.Scope] = true
		}
	}
	for _, s := range scopes {
		require.True(t, used[s], "scope %s opens nothing", s)
	}
}

// Reads are named so; everything else writes, and carries a request id. Pings and AppEvents carry their own.
func TestEveryWriteHasARequestID(t *testing.T) {
	for _, m := range methods() {
		name := string(m.Name())
		reads := false
		for _, verb := range []string{"Get", "List", "Count", "Query", "Export", "Estimate", "Explain", "Tail", "Preview", "Search", "ReportPings", "StreamPings", "SyncFences", "RecordEvents"} {
			reads = reads || strings.HasPrefix(name, verb)
		}
		f := m.Input().Fields().ByName("request_id")
		require.Equal(t, !reads, f != nil, m.FullName())
	}
}

func TestEveryConstraintCompiles(t *testing.T) {
	n := 0
	for _, f := range files() {
		for _, m := range messages(f.Messages()) {
			kind, err := protoregistry.GlobalTypes.FindMessageByName(m.FullName())
			require.NoError(t, err)
			var compilation *protovalidate.CompilationError
			require.NotErrorAs(t, protovalidate.Validate(kind.New().Interface()), &compilation, m.FullName())
			n++
		}
	}
	require.Greater(t, n, 100)
}

func TestAFaultyPingCostsOnlyItself(t *testing.T) {
	ping := func(change func(*wantgov1.Ping)) *wantgov1.Ping {
		p := &wantgov1.Ping{
			Id: uuid.NewString(), Latitude: 37.56, Longitude: 126.97, AccuracyMeters: 8,
			ObservedTime: timestamppb.New(timestamppb.Now().AsTime()),
		}
		change(p)
		return p
	}
	good := ping(func(*wantgov1.Ping) {})
	require.NoError(t, protovalidate.Validate(good))
	require.NoError(t, protovalidate.Validate(ping(func(p *wantgov1.Ping) { p.Latitude = 0 })), "the equator is a place")

	bad := map[string]func(*wantgov1.Ping){
		"latitude not a number": func(p *wantgov1.Ping) { p.Latitude = math.NaN() },
		"latitude infinite":     func(p *wantgov1.Ping) { p.Latitude = math.Inf(-1) },
		"latitude out of range": func(p *wantgov1.Ping) { p.Latitude = 90.0001 },
		"longitude":             func(p *wantgov1.Ping) { p.Longitude = -180.0001 },
		"no fix":                func(p *wantgov1.Ping) { p.Latitude, p.Longitude = 0, 0 },
		"accuracy negative":     func(p *wantgov1.Ping) { p.AccuracyMeters = -1 },
		"accuracy not a number": func(p *wantgov1.Ping) { p.AccuracyMeters = math.NaN() },
		"speed negative":        func(p *wantgov1.Ping) { p.SpeedMps = proto.Float64(-1) },
		"no time":               func(p *wantgov1.Ping) { p.ObservedTime = nil },
		"id":                    func(p *wantgov1.Ping) { p.Id = "1" },
		"app state":             func(p *wantgov1.Ping) { p.AppState = 9 },
	}
	for name, change := range bad {
		t.Run(name, func(t *testing.T) {
			p := ping(change)
			require.Error(t, protovalidate.Validate(p))
			require.NoError(t, protovalidate.Validate(&wantgov1.ReportPingsRequest{Pings: []*wantgov1.Ping{good, p}}))
			require.NoError(t, protovalidate.Validate(&wantgov1.ImportPingsRequest{
				RequestId: uuid.NewString(),
				Pings:     []*wantgov1.ImportedPing{{Ping: p}},
			}))
		})
	}
	require.Error(t, protovalidate.Validate(&wantgov1.ReportPingsRequest{}), "no ping at all")
	require.Error(t, protovalidate.Validate(&wantgov1.ReportPingsRequest{Pings: make([]*wantgov1.Ping, 101)}))
	require.Error(t, protovalidate.Validate(&wantgov1.ImportedPing{Ping: good}), "nobody's")
}

// The file shape that people write: YAML of the API's JSON.
const campaignFile = `
campaigns:
  - externalId: lunch
    displayName: Lunch latte
    state: LIVE
    trigger:
      kinds: [ENTERED, DWELLED]
      dwellMinutes: 3
      storeExternalIds: [seoul-01, seoul-02]
      storeTags: [cafe]
      fencePurposes: [NEAR]
    schedule:
      startDate: 2026-11-01
      endDate: 2026-12-31
      weeklyHours:
        - {days: [MONDAY, FRIDAY], start: "11:00", end: "14:00"}
        - {start: "22:00", end: "02:00"}
    caps:
      - {scope: CAMPAIGN, limit: 1, calendar: DAY}
      - {scope: BRAND, limit: 5, rolling: 604800s}
    cooldown: 3600s
    priority: 10
    deadlineMinutes: 10
    offer:
      titles: {ko: 라떼 30% 할인, en: 30% off any latte}
      stock: 100
      perPersonLimit: 1
      validFor: 7200s
    texts:
      ko: {title: "{brand}", body: "{store}에서 {offer}, {expires}까지"}
      en: {title: "{brand}", body: "{offer} at {store} until {expires}"}
brand:
  displayName: Cafe On
  filing: {mode: REGISTERED, number: "12-345", date: 2026-01-02}
  minimumGap: 0s
  caps:
    - {scope: BRAND, limit: 2, calendar: DAY}
  presence: {policy: EXACT, lateAfter: 300s}
`

func TestACampaignFileIsReadable(t *testing.T) {
	asJSON, err := yaml.YAMLToJSONStrict([]byte(campaignFile))
	require.NoError(t, err)
	var file wantgov1.CampaignFile
	require.NoError(t, protojson.Unmarshal(asJSON, &file))
	require.NoError(t, protovalidate.Validate(&file))
	require.Equal(t, "2026-11-01", file.Campaigns[0].Schedule.StartDate)
	require.Equal(t, []wantgov1.Moment_Kind{wantgov1.Moment_ENTERED, wantgov1.Moment_DWELLED},
		file.Campaigns[0].Trigger.Kinds)

	for name, from := range map[string][2]string{
		"hours":                  {`"14:00"`, `"25:00"`},
		"cap without a window":   {`, calendar: DAY`, ``},
		"dwell without its kind": {`, DWELLED`, ``},
		"limit below 0":          {`limit: 5`, `limit: -5`},
		"deadline over an hour":  {`deadlineMinutes: 10`, `deadlineMinutes: 61`},
		"offer without validity": {`      validFor: 7200s`, ``},
	} {
		t.Run(name, func(t *testing.T) {
			changed := strings.Replace(campaignFile, from[0], from[1], 1)
			require.NotEqual(t, campaignFile, changed)
			asJSON, err := yaml.YAMLToJSONStrict([]byte(changed))
			require.NoError(t, err)
			var file wantgov1.CampaignFile
			require.NoError(t, protojson.Unmarshal(asJSON, &file))
			require.Error(t, protovalidate.Validate(&file))
		})
	}
}
