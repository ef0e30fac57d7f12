package fcm_test

import (
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/fcm"
)

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answer(body string) *http.Response {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

func TestSuccessThatCannotBeRead(t *testing.T) {
	b := start(t)
	for _, body := range []string{"", "<html>", `{}`, `{"name":7}`} {
		real := fcm.NewPlainTransport(4)
		s, err := fcm.New(b.fcm.ServiceAccountJSON(), fcm.Options{Endpoint: b.fcm.URL(), Now: b.clock.now,
			Transport: transportFunc(func(r *http.Request) (*http.Response, error) {
				if r.URL.Path == "/token" {
					return real.RoundTrip(r)
				}
				return answer(body), nil
			})})
		require.NoError(t, err)
		r := s.Send(t.Context(), address("a"), delivery(b.clock.now()))
		require.Equal(t, pusher.Result{Outcome: pusher.OutcomeRetry, Code: "ANSWER_UNREADABLE", MaybeReceived: true}, r)
	}
}

func TestLibraryVersionIsTheOneInUse(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	require.NoError(t, err)
	require.Contains(t, string(mod), "firebase.google.com/go/v4 v4.19.0\n", "sender.go's libraryVersion must follow go.mod")
}
