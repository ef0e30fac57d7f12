package webhook

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
)

// An endpoint that is down for days is asked less and less, each letter for a little over a day; what is about the same
// person waits its turn; the dead letters are replayed in their old order.
func TestBackOffForHours(t *testing.T) {
	w := newWorld(t)
	w.answer = func(string, int) (int, string) { return http.StatusServiceUnavailable, "" }
	first, second := w.letter(1), w.letter(1)
	w.pass(t, 20*time.Hour)
	require.Empty(t, w.asked[second], "the one before is not given up yet")
	w.pass(t, 20*time.Hour)
	asked := w.asked[first]
	require.Len(t, asked, len(waits)+1)
	for i, wait := range waits {
		between := asked[i+1].Sub(asked[i])
		require.GreaterOrEqual(t, between, wait*8/10, "wait %d", i)
		require.LessOrEqual(t, between, wait*12/10+longestPause, "wait %d", i)
	}
	require.False(t, w.asked[second][0].Before(asked[len(waits)]), "not before the first was given up")
	w.pass(t, 40*time.Hour)
	require.Len(t, w.asked[second], len(waits)+1)
	require.True(t, w.letters[0].dead && w.letters[1].dead)
	require.Equal(t, "HTTP_503", w.letters[0].code)

	third := w.letter(1)
	w.answer = func(string, int) (int, string) { return http.StatusOK, "" }
	n, err := w.Replay(t.Context(), w.hook.BrandID, w.hook.ID, nil, 10)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	w.pass(t, 2*time.Minute)
	require.Equal(t, []string{first, second, third}, w.told)
	require.Empty(t, w.letters)
}

func TestRetryAfterIsFollowed(t *testing.T) {
	for header, least := range map[string]time.Duration{"7200": 2 * time.Hour, "99999999": longestRetryAfter, "1": waits[0] * 8 / 10} {
		w := newWorld(t)
		w.answer = func(_ string, attempt int) (int, string) {
			if attempt == 1 {
				return http.StatusTooManyRequests, header
			}
			return http.StatusOK, ""
		}
		id := w.letter(1)
		w.pass(t, 14*time.Hour)
		require.Len(t, w.asked[id], 2)
		between := w.asked[id][1].Sub(w.asked[id][0])
		require.GreaterOrEqual(t, between, least, header)
		require.LessOrEqual(t, between, max(least, waits[0]*12/10), header)
	}
}

// An endpoint that is gone is asked no more, and its letter keeps its attempts.
func TestGoneIsDisabled(t *testing.T) {
	w := newWorld(t)
	w.answer = func(string, int) (int, string) { return http.StatusGone, "" }
	id := w.letter(1)
	w.pass(t, 24*time.Hour)
	require.Len(t, w.asked[id], 1)
	require.Equal(t, 1, w.disabled)
	require.Equal(t, []any{false, 0, "HTTP_410"}, []any{w.letters[0].dead, w.letters[0].Attempt, w.letters[0].code})
	w.hook.DisabledAt = time.Time{} // written anew
	w.answer = func(string, int) (int, string) { return http.StatusNoContent, "" }
	w.pass(t, time.Minute)
	require.Equal(t, []string{id}, w.told)
}

// A failing endpoint is left alone, for a minute at most, and costs a round nothing meanwhile.
func TestAFailingEndpointIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	w.answer = func(string, int) (int, string) { return http.StatusInternalServerError, "" }
	for person := range byte(200) {
		w.letter(person)
	}
	w.pass(t, time.Minute)
	total := 0
	for _, times := range w.asked {
		total += len(times)
	}
	require.Less(t, total, 60, "of 200 that were due at once")
	w.answer = func(string, int) (int, string) { return http.StatusOK, "" }
	w.pass(t, time.Hour)
	require.Len(t, w.told, 200)
}

// While an endpoint is dead all nodes together ask it once a step, however many they are, and write as much of it; when it
// is back everything is told by all of them, of each person in order.
func TestADeadEndpointIsAskedByOneNode(t *testing.T) {
	const people, dead = 60, time.Hour
	for _, nodes := range []int{1, 2, 5} {
		w := newWorld(t)
		for range nodes - 1 {
			w.join()
		}
		w.answer = func(string, int) (int, string) { return http.StatusBadGateway, "" }
		order := map[byte][]string{}
		for i := range byte(2 * people) {
			order[i%people] = append(order[i%people], w.letter(i%people))
		}
		w.pass(t, dead)
		total := 0
		for _, times := range w.asked {
			total += len(times)
		}
		// Until the first has failed five times in a row each node has at most two handfuls under way; then it is asked after
		// 1, 2, 4, 8, 16 and 32 s, and once a minute.
		steps := 6 + int(dead/longestPause)
		require.LessOrEqual(t, total, nodes*2*(takenAtOnce+1)+steps, "%d nodes", nodes)
		require.GreaterOrEqual(t, total, steps-2, "%d nodes", nodes)
		require.LessOrEqual(t, w.fares, 2*steps+2*nodes)
		w.answer = func(string, int) (int, string) { return http.StatusOK, "" }
		w.pass(t, 2*time.Hour)
		require.Nil(t, w.failing)
		require.Empty(t, w.letters, "nothing is lost, nothing is given up")
		require.Len(t, w.told, 2*people)
		for person, want := range order {
			got := slices.DeleteFunc(slices.Clone(w.told), func(id string) bool { return !slices.Contains(want, id) })
			require.Equal(t, want, got, "person %d", person)
		}
	}
}

// A node that dies while it asks is followed by another when its lease has ended.
func TestAProbeOutlivesItsNode(t *testing.T) {
	w := newWorld(t)
	w.failing = &failing{step: 3, until: w.now}
	id := w.letter(1)
	l, err := w.Claim(t.Context(), uuid.New(), lease, nil, 4) // and nothing more is heard of it
	require.NoError(t, err)
	require.True(t, l[0].Probe)
	w.letters[0].leased = false
	w.pass(t, lease-time.Second)
	require.Empty(t, w.asked)
	w.pass(t, 2*time.Second)
	require.Equal(t, []string{id}, w.told)
	require.Nil(t, w.failing)
}

// A probe that turns out to be told to nobody leaves the asking to the next letter.
func TestAProbeThatIsWithheld(t *testing.T) {
	w := newWorld(t)
	w.failing = &failing{step: 3, until: w.now}
	w.letter(1)
	w.letters[0].Event, w.profile = brand.VisitEntered, audience.Profile{}
	second := w.letter(2)
	w.pass(t, time.Second)
	require.Equal(t, []string{second}, w.told)
	require.Nil(t, w.failing)
}

// Whatever an endpoint answers and when: about each person it is told in the order of what happened, each once, and in
// the end everything. Twenty hours are too short for a letter to be given up.
func TestOrderOfEachPerson(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 3))
	w := newWorld(t)
	statuses := []int{200, 200, 204, 301, 400, 429, 500, 503}
	w.answer = func(string, int) (int, string) {
		retry := ""
		if random.IntN(5) == 0 {
			retry = "30"
		}
		return statuses[random.IntN(len(statuses))], retry
	}
	order := map[byte][]string{}
	for range 60 {
		person := byte(random.IntN(5))
		order[person] = append(order[person], w.letter(person))
		w.pass(t, time.Duration(random.Int64N(int64(20*time.Minute))))
	}
	w.answer = func(string, int) (int, string) { return http.StatusOK, "" }
	w.pass(t, 48*time.Hour)
	for person, want := range order {
		got := slices.DeleteFunc(slices.Clone(w.told), func(id string) bool { return !slices.Contains(want, id) })
		require.Equal(t, want, got, "person %d", person)
	}
}

// A third party is told by the consent that stands when it is told. Without it a redemption waits for the end of its day
// and says neither when nor where; a visit or a decision is not told at all.
func TestThirdPartyIsToldByTheConsentThatStands(t *testing.T) {
	agreed := audience.Profile{OfAge: true, Consents: map[audience.Purpose]audience.Standing{audience.LocUse: {Granted: true}},
		ThirdParties: map[string]audience.Standing{"Mall": {Granted: true, For: "footfall"}}}
	other, withdrawn, unlocated := agreed, agreed, agreed
	other.ThirdParties = map[string]audience.Standing{"Shop": {Granted: true, For: "footfall"}}
	withdrawn.ThirdParties = map[string]audience.Standing{"Mall": {At: when}}
	unlocated.Consents = nil
	midnight := time.Date(2026, 5, 13, 15, 0, 0, 0, time.UTC) // in Seoul
	for name, c := range map[string]struct {
		profile audience.Profile
		changed bool
		told    bool
	}{
		"agreed": {agreed, false, true}, "another recipient": {other, false, false}, "withdrawn": {withdrawn, false, false},
		"no location": {unlocated, false, false}, "withdrawn at the last moment": {agreed, true, false},
	} {
		for _, event := range []brand.WebhookEvent{brand.CouponRedeemed, brand.VisitEntered, brand.DecisionMade} {
			w := newWorld(t)
			w.hook.Recipient, w.hook.RecipientName, w.hook.RecipientPurpose, w.hook.Place = brand.ThirdParty, "Mall", "footfall", true
			w.profile, w.changed = c.profile, c.changed
			id := w.letter(1)
			w.letters[0].Event = event
			w.pass(t, time.Minute)
			if c.told {
				require.Equal(t, []string{id}, w.told, "%s %s", name, event)
				require.Contains(t, w.bodies[0], `"timestamp"`)
				require.Len(t, w.provided, 1)
				continue
			}
			require.Empty(t, w.told, "%s %s", name, event)
			w.pass(t, 24*time.Hour)
			require.Empty(t, w.provided)
			require.Empty(t, w.letters)
			if event != brand.CouponRedeemed {
				require.Empty(t, w.asked, "%s %s", name, event)
				continue
			}
			require.Equal(t, []string{id}, w.told, name)
			require.False(t, w.asked[id][0].Before(midnight), "after the day")
			require.NotContains(t, w.bodies[0], `"timestamp"`)
			require.NotContains(t, w.bodies[0], `"storeId"`)
		}
	}
}
