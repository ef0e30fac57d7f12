package why

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// Both languages have a word for all that the contract knows, and the same texts with the same values.
func TestWordsAreWhole(t *testing.T) {
	t.Parallel()
	verbs := regexp.MustCompile(`%[.0-9]*[a-z]`)
	for _, w := range []*words{&english, &korean} {
		for n := range v1.Decision_Gate_name {
			if g := v1.Decision_Gate(n); g != v1.Decision_GATE_UNSPECIFIED && g != v1.Decision_NONE {
				require.NotEmpty(t, w.gates[g], g)
			}
		}
		for n := range v1.Moment_Kind_name {
			if n != 0 {
				require.NotEmpty(t, w.kinds[v1.Moment_Kind(n)], n)
			}
		}
		for n := range v1.Circumstances_Standing_name {
			if n != 0 {
				require.NotEmpty(t, w.standings[v1.Circumstances_Standing(n)], n)
			}
		}
		for n := range v1.Circumstances_DeviceStanding_Address_name {
			if n != 0 {
				require.NotEmpty(t, w.addresses[v1.Circumstances_DeviceStanding_Address(n)], n)
			}
		}
		require.Len(t, w.text, len(english.text))
		for key, text := range w.text {
			require.Equal(t, len(verbs.FindAllString(english.text[key], -1)), len(verbs.FindAllString(text, -1)), key)
		}
	}
}

func decision() *v1.Decision {
	d := &v1.Decision{
		DecisionTime: timestamppb.New(time.Date(2026, 5, 13, 12, 46, 2, 0, time.UTC)), CampaignDisplayName: "Lunch", Sentence: "It was night.",
		Gate: v1.Decision_QUIET_HOURS, Reason: v1.DecisionReason_QUIET_HOURS,
		Moment: &v1.Decision_Occasion{Kind: v1.Moment_ENTERED, Transition: v1.Transition_ENTERED, StoreDisplayName: "City Hall"},
	}
	for g := v1.Decision_FILING; g <= v1.Decision_TEXT; g++ {
		a := &v1.Decision_GateAnswer{Gate: g, Verdict: v1.Decision_GateAnswer_PASSED}
		switch {
		case g == v1.Decision_QUIET_HOURS:
			a.Verdict, a.Values = v1.Decision_GateAnswer_REFUSED, map[string]string{"zone": "Asia/Seoul", "until": "2026-05-13T23:00:00Z"}
		case g > v1.Decision_QUIET_HOURS:
			a.Verdict = v1.Decision_GateAnswer_NOT_ASKED
		}
		d.Gates = append(d.Gates, a)
	}
	return d
}

func TestExplained(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, New(&out, "en", "Asia/Seoul").Explained(&v1.ExplainDecisionsResponse{PersonId: "p", Decisions: []*v1.Decision{decision()}}))
	require.Equal(t, `Person p: decisions found: 1, the latest first (times of Asia/Seoul).

2026-05-13 21:46:02  entered City Hall · campaign "Lunch"
  QUIET_HOURS (gate 14): It was night.
    position: ✓ filing  ✓ age  ✓ pause  ✓ location consent  ✓ record  ✓ sensitive place
    campaign: ✓ fresh  ✓ live  ✓ audience  ✓ holdout  ✓ caps
    sending: ✓ coupon  ✓ ad consent  ✗ quiet hours (until 2026-05-14 08:00, zone Asia/Seoul)  · reach  · text
`, out.String())
}

func TestNothingHappened(t *testing.T) {
	t.Parallel()
	at := timestamppb.New(time.Date(2026, 5, 13, 3, 30, 0, 0, time.UTC))
	hour := timestamppb.New(time.Date(2026, 5, 13, 3, 0, 0, 0, time.UTC))
	obstacle := &v1.Circumstances_Obstacle{Gate: v1.Decision_PAUSE, Reason: v1.DecisionReason_LOCATION_PAUSED, Sentence: "일시 중지했습니다."}
	var out bytes.Buffer
	require.NoError(t, New(&out, "ko-KR", "Asia/Seoul").Explained(&v1.ExplainDecisionsResponse{PersonId: "p", Circumstances: &v1.Circumstances{
		AsOfTime: at, Standing: v1.Circumstances_READY, LastContactTime: at, PauseStartTime: hour, Obstacles: []*v1.Circumstances_Obstacle{obstacle},
		Consents: []*v1.Circumstances_ConsentStanding{{Purpose: v1.Consent_AD_PUSH, State: v1.Consent_WITHDRAWN, OccurredTime: at}},
		Devices: []*v1.Circumstances_DeviceStanding{{DeviceId: "d", Platform: v1.Device_IOS, Address: v1.Circumstances_DeviceStanding_GONE,
			AddressChange: "dropped", AddressCode: "Unregistered", AddressChangeTime: at}},
		Pings: []*v1.Circumstances_PingCount{{HourTime: hour, Verdict: "TAKEN", Count: 2}, {HourTime: hour, Verdict: "LOCATION_PAUSED", Count: 3}},
	}}))
	require.Equal(t, `고객 p: 판정 0건, 최근 것부터 (시각은 Asia/Seoul).
그 기간에 이 고객에 대한 판정이 없습니다.

2026-05-13 12:30:00 현재 상태:
  고객 기록에는 막는 것이 없습니다.
  마지막 연락: 2026-05-13 12:30:00.
  막는 것: LOCATION_PAUSED (관문 3): 일시 중지했습니다.
  위치 사용이 2026-05-13 12:00부터 다시 시작할 때까지 일시 중지되어 있습니다.
  마지막으로 알려진 동의와 권한: AD_PUSH 아니요 (2026-05-13)
  기기 d (ios): 마지막 연락 없음, 푸시 주소 소멸; 마지막 변경: dropped (Unregistered) 2026-05-13 12:30
  시간별 위치 보고:
    2026-05-13 12:00  TAKEN 2, LOCATION_PAUSED 3
  마지막으로 알려진 곳 근처에 진행 중인 캠페인이 없습니다.
`, out.String())
}

func TestHappened(t *testing.T) {
	t.Parallel()
	accuracy := 12.4
	var out bytes.Buffer
	p := New(&out, "en", "UTC")
	at := timestamppb.New(time.Date(2026, 5, 13, 3, 0, 0, 0, time.UTC))
	for _, r := range []*v1.TailDecisionsResponse{
		{Event: &v1.TailDecisionsResponse_Ping{Ping: &v1.TailDecisionsResponse_HeardPing{DeviceId: "d", Verdict: "TAKEN", AccuracyMeters: &accuracy, Age: durationpb.New(2100 * time.Millisecond)}}},
		{Event: &v1.TailDecisionsResponse_Transition{Transition: &v1.Transition{Kind: v1.Transition_EXITED, StoreExternalId: "s1", ExitReason: v1.ExitReason_SILENCE}}},
		{Event: &v1.TailDecisionsResponse_Outcome_{Outcome: &v1.TailDecisionsResponse_Outcome{NotificationId: "n", Delivery: &v1.Delivery{State: v1.Delivery_ACCEPTED}}}},
		{Event: &v1.TailDecisionsResponse_Outcome_{Outcome: &v1.TailDecisionsResponse_Outcome{NotificationId: "n", Receipt: v1.Receipt_OPENED}}},
		{Event: &v1.TailDecisionsResponse_Lost_{Lost: &v1.TailDecisionsResponse_Lost{Count: 7}}},
	} {
		r.EventTime = at
		require.NoError(t, p.Happened(r))
	}
	require.Equal(t, `2026-05-13 03:00:00  ping TAKEN (12 m, 2s old, device d)
2026-05-13 03:00:00  left s1 (silence)
2026-05-13 03:00:00  delivery of n: ACCEPTED
2026-05-13 03:00:00  notification n: opened
2026-05-13 03:00:00  7 lines were lost: they came faster than they were read
`, out.String())
}

// What cannot be written is an error, once.
func TestBrokenPipe(t *testing.T) {
	t.Parallel()
	p := New(broken{}, "en", "")
	require.ErrorIs(t, p.Explained(&v1.ExplainDecisionsResponse{Decisions: []*v1.Decision{decision()}}), errBroken)
	require.False(t, strings.Contains(english.text["person"], "%!"))
}

var errBroken = errors.New("broken pipe")

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errBroken }
