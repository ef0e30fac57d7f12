package api

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"buf.build/go/protovalidate"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo/presence"
	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
)

// codesOf are the codes of an enum of the contract, without its zero.
func codesOf(codes map[string]int32) (names []string) {
	for name, number := range codes {
		if number != 0 {
			names = append(names, name)
		}
	}
	return names
}

// A reason is spelled alike wherever it stands, and its number tells its gate.
func TestReasonsAreTheDomains(t *testing.T) {
	var ours []string
	for _, r := range campaign.Reasons() {
		ours = append(ours, string(r))
		number := int(v1.DecisionReason_Code_value[string(r)])
		require.Equal(t, r.Gate(), number/10, r)
		gate, code, values := judge(string(r), nil)
		require.NotZero(t, code, r)
		require.Empty(t, values)
		require.Contains(t, v1.Decision_Gate_name, int32(gate))
		require.Equal(t, r.Gate() == 0, gate == v1.Decision_NONE, r)
	}
	require.ElementsMatch(t, ours, codesOf(v1.DecisionReason_Code_value))

	kept := map[string]string{"a": "1"}
	gate, code, values := judge("OF_ANOTHER_VERSION", kept)
	require.Zero(t, gate)
	require.Zero(t, code)
	require.Equal(t, map[string]string{"a": "1", "reason": "OF_ANOTHER_VERSION"}, values)
	require.Len(t, kept, 1, "what was read is not changed")
}

// Whatever the engine says of a ping, the contract has a code of that name; and no other, but what the door itself says.
func TestPingRefusalsAreTheEnginesVerdicts(t *testing.T) {
	ours := []string{"INVALID_FIELD", "PLACE_MISSING", "TOO_OLD", "DEVICE_UNKNOWN", "PERSON_GONE", "TRY_AGAIN"} // the door's
	for _, verdict := range verdicts(t) {
		if verdict != "TAKEN" && verdict != "REPEATED" {
			ours = append(ours, verdict)
		}
	}
	gates := 0
	for _, r := range campaign.Reasons() {
		if r.Gate() > 0 && r.Gate() <= 6 {
			ours = append(ours, string(r))
			require.Equal(t, r.Gate(), int(v1.PingRefusal_Code_value[string(r)])/10, r)
			gates++
		}
	}
	require.Equal(t, 6, gates)
	require.ElementsMatch(t, ours, codesOf(v1.PingRefusal_Code_value))
	for refusal := audience.FilingMissing; refusal.String() != "UNKNOWN"; refusal++ {
		require.Contains(t, campaign.Reasons(), campaign.Reason(refusal.String()))
	}
}

// verdicts reads the engine's constants.
func verdicts(t *testing.T) (names []string) {
	file, err := parser.ParseFile(token.NewFileSet(), "../engine/report.go", nil, 0)
	require.NoError(t, err)
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			if of, ok := spec.Type.(*ast.Ident); ok && of.Name == "Verdict" {
				name, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
				require.NoError(t, err)
				names = append(names, name)
			}
		}
		return true
	})
	require.Greater(t, len(names), 8)
	return names
}

func TestExitReasonsArePresences(t *testing.T) {
	// Nobody is left to be told of an erasure; a dwell, not an exit, falls due by time; the last is not in use.
	internal := []presence.Reason{presence.TimePassed, presence.Erased, presence.RecordMissing}
	var ours []string
	for r := presence.Moved; r.String() != "unknown"; r++ {
		if r != internal[0] && r != internal[1] && r != internal[2] {
			ours = append(ours, strings.ToUpper(r.String()))
			require.NotZero(t, exitReason(r), r)
		}
	}
	require.ElementsMatch(t, ours, codesOf(v1.ExitReason_Code_value))
}

func TestScopesAreTheBrands(t *testing.T) {
	rules, err := protovalidate.ResolveFieldRules((&v1.Key{}).ProtoReflect().Descriptor().Fields().ByName("scopes"))
	require.NoError(t, err)
	var ours []string
	for _, scope := range brand.Scopes() {
		ours = append(ours, string(scope))
	}
	require.ElementsMatch(t, rules.GetRepeated().GetItems().GetString().GetIn(), ours)
}

// Whatever the engine says of an AppEvent, the contract has a code of that name; and no other, but what the door itself says.
func TestEventRefusalsAreTheEnginesVerdicts(t *testing.T) {
	ours := []string{"STORE_NOT_ALLOWED", audience.AgeUnknown.String(), audience.GuardianMissing.String()}
	file, err := parser.ParseFile(token.NewFileSet(), "../engine/event.go", nil, 0)
	require.NoError(t, err)
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			if of, ok := spec.Type.(*ast.Ident); ok && of.Name == "EventVerdict" {
				name, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
				require.NoError(t, err)
				if name != "TAKEN" && name != "REPEATED" {
					ours = append(ours, name)
				}
			}
		}
		return true
	})
	require.ElementsMatch(t, ours, codesOf(v1.EventRefusal_Code_value))
}
