package webhook

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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
