package expression

import (
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/checker"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"
)

// How long what an expression reads is taken to be when it is kept: longer than most is. What turns out longer still
// meets MaxCost when it runs.
const (
	sizeOfText = 64
	sizeOfList = 30
)

// costOfZone is that of looking a time zone up by its name, which is read from a file.
const costOfZone = 500

// costOfVisits is that of counting visits.
const costOfVisits = 200

// sizes estimates what CEL cannot know.
type sizes struct{}

// EstimateSize is a bound by type.
func (sizes) EstimateSize(of checker.AstNode) *checker.SizeEstimate {
	switch of.Type().Kind() {
	case types.StringKind, types.BytesKind:
		return &checker.SizeEstimate{Max: sizeOfText}
	case types.ListKind, types.MapKind, types.DynKind:
		return &checker.SizeEstimate{Max: sizeOfList}
	}
	return nil
}

// EstimateCallCost knows the calls that are dearer than they look.
func (sizes) EstimateCallCost(_, overload string, _ *checker.AstNode, _ []checker.AstNode) *checker.CallEstimate {
	switch {
	case strings.HasSuffix(overload, "_with_tz"):
		return &checker.CallEstimate{CostEstimate: checker.FixedCostEstimate(costOfZone)}
	case strings.HasPrefix(overload, "person_visits"):
		return &checker.CallEstimate{CostEstimate: checker.FixedCostEstimate(costOfVisits)}
	}
	return nil
}

// endless are sizes without a bound: what costs little even so need not be watched when it runs.
type endless struct{ sizes }

// EstimateSize knows none.
func (endless) EstimateSize(checker.AstNode) *checker.SizeEstimate { return nil }

// callCosts are the same at run time.
var callCosts = func() cel.ProgramOption {
	fixed := func(cost uint64) interpreter.FunctionTracker {
		return func([]ref.Val, ref.Val) *uint64 { return &cost }
	}
	var options []interpreter.CostTrackerOption
	for _, overload := range []string{
		overloads.TimestampToYearWithTz, overloads.TimestampToMonthWithTz, overloads.TimestampToDayOfYearWithTz,
		overloads.TimestampToDayOfMonthZeroBasedWithTz, overloads.TimestampToDayOfMonthOneBasedWithTz,
		overloads.TimestampToDayOfWeekWithTz, overloads.TimestampToHoursWithTz, overloads.TimestampToMinutesWithTz,
		overloads.TimestampToSecondsWithTz, overloads.TimestampToMillisecondsWithTz,
	} {
		options = append(options, interpreter.OverloadCostTracker(overload, fixed(costOfZone)))
	}
	for _, name := range []string{"person_visits", "person_visits_here"} {
		options = append(options, interpreter.OverloadCostTracker(name, fixed(costOfVisits)))
	}
	return cel.CostTrackerOptions(options...)
}()
