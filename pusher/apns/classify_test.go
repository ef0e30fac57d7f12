package apns

import (
	"net/http"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher"
)

var safeCode = regexp.MustCompile(`^[A-Za-z0-9_]{2,40}$`)

// Whatever a body says, the code is one of Apple's or a status, and only 200 is a success.
func FuzzClassify(f *testing.F) {
	f.Add(410, `{"reason":"Unregistered","timestamp":1772366400000}`)
	f.Add(410, `{"reason":"Unregistered","timestamp":-1}`)
	f.Add(400, `{"reason":"no such reason\n"}`)
	f.Add(200, ``)
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 100 || status > 999 {
			return
		}
		r := classify(parseAnswer(status, http.Header{}, []byte(body)), guess{}, DefaultServerErrorWait)
		require.Regexp(t, safeCode, r.Code)
		require.Equal(t, status == http.StatusOK, r.Outcome == pusher.OutcomeAccepted)
	})
}

func TestEveryDocumentedReasonHasAVerdict(t *testing.T) {
	require.Len(t, verdicts, 33, "32 documented, and one misspelt")
}
