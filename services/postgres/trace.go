package postgres

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/engine"
)

// A row of trace holds the decisions of one round: the first in its columns, the others, which won nothing, as a JSON
// array in "others". A row costs the server some eight microseconds whatever is in it, a candidate in the array less
// than one. The array is text: what is seldom read need not be parsed to be written.

// mostOthers bounds a row; a round of more candidates takes several.
const mostOthers = 500

// other is one element of the array. SQL reads it, too: see candidates.
type other struct {
	Offset   int               `json:"i"`
	Campaign uuid.UUID         `json:"c"`
	Reason   string            `json:"r"`
	Values   map[string]string `json:"v"`
	Arm      string            `json:"a"`
}

// candidates stands behind a table t of traces in FROM and makes each row its decisions: o.v is null of the first, which
// is in the columns, and an element of the array of the others. Its functions are immutable, as a distributed database
// asks of what it sends to every shard.
const (
	candidates        = ` CROSS JOIN LATERAL jsonb_array_elements('[null]'::jsonb || coalesce(t.others, '[]')::jsonb) AS o(v)`
	candidateReason   = `coalesce(o.v ->> 'r', t.reason)`
	candidateCampaign = `coalesce((o.v ->> 'c')::uuid, t.campaign_id)`
	candidateArm      = `CASE WHEN o.v ->> 'r' IS NULL THEN coalesce(t.arm, '') ELSE coalesce(o.v ->> 'a', '') END`
)

// traceRows cuts what one write decided into rows.
func traceRows(traces []engine.Trace) iter.Seq[[]engine.Trace] {
	return func(yield func([]engine.Trace) bool) {
		for len(traces) > 0 {
			n := 1
			for n < len(traces) && n <= mostOthers && fits(&traces[0], &traces[n]) {
				n++
			}
			if !yield(traces[:n]) {
				return
			}
			traces = traces[n:]
		}
	}
}

// fits tells whether a decision can stand behind the first of a row.
func fits(first, t *engine.Trace) bool {
	_, round := engine.RoundOffset(first.ID, t.ID)
	return round && t.MomentID == first.MomentID && t.DeviceID == first.DeviceID && t.CampaignRev == first.CampaignRev && t.Kind == first.Kind &&
		t.SendID == first.SendID && t.Test == first.Test && t.At.Equal(first.At) &&
		t.CampaignID != uuid.Nil && t.Reason != "" && t.NotificationID == uuid.Nil && t.CouponID == uuid.Nil && t.Channel == ""
}

// detailOf is the values of a decision; nil: it has none.
func detailOf(t *engine.Trace) []byte {
	if len(t.Values) == 0 {
		return nil
	}
	return appendValues(nil, t.Values)
}

// appendValues adds values as a JSON object, by name. A zero byte in one is left out: the database has no place for it in
// JSON.
func appendValues(b []byte, values map[string]string) []byte {
	var room [8]string
	names := room[:0]
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	b = append(b, '{')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendJSON(b, withoutZero(name)), ':')
		b = appendJSON(b, withoutZero(values[name]))
	}
	return append(b, '}')
}

func withoutZero(s string) string { return strings.ReplaceAll(s, "\x00", "") }

// othersOf is the array of all but the first; "": there are none. It is put together by hand: this is written with most
// moments.
func othersOf(row []engine.Trace) string {
	if len(row) == 1 {
		return ""
	}
	b := make([]byte, 0, 112*len(row))
	for i := 1; i < len(row); i++ {
		t := &row[i]
		offset, _ := engine.RoundOffset(row[0].ID, t.ID)
		b = append(b, `,{"i":`...)
		b = strconv.AppendInt(b, int64(offset), 10)
		b = append(b, `,"c":"`...)
		b = hex.AppendEncode(b, t.CampaignID[:])
		b = append(b, `","r":`...)
		b = appendJSON(b, t.Reason)
		if len(t.Values) > 0 {
			b = appendValues(append(b, `,"v":`...), t.Values)
		}
		if t.Arm != "" {
			b = appendJSON(append(b, `,"a":`...), t.Arm)
		}
		b = append(b, '}')
	}
	b[0] = '['
	return string(append(b, ']'))
}

// appendJSON quotes a text.
func appendJSON(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			quoted, _ := json.Marshal(s) // a string is always fit
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// unfold makes a row its decisions again.
func unfold(first engine.Trace, others string) ([]engine.Trace, error) {
	all := []engine.Trace{first}
	if others == "" {
		return all, nil
	}
	var more []other
	if err := json.Unmarshal([]byte(others), &more); err != nil {
		return nil, fmt.Errorf("trace %s: %w", first.ID, err)
	}
	for i := range more {
		t := engine.Trace{
			ID: engine.RoundID(first.ID, more[i].Offset), MomentID: first.MomentID, DeviceID: first.DeviceID, CampaignRev: first.CampaignRev,
			Kind: first.Kind, At: first.At, SendID: first.SendID, Test: first.Test,
			CampaignID: more[i].Campaign, Reason: more[i].Reason, Values: more[i].Values, Arm: more[i].Arm,
		}
		all = append(all, t)
	}
	return all, nil
}
