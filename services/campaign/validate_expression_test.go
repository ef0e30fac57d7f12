package campaign

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExpressionsAreCheckedWhenSaved(t *testing.T) {
	for _, tc := range []struct {
		audience, filter string
		field, text      string
	}{
		{"", "", "", ""},
		{`person.points > 3.0 && store.chain == "on"`, `moment.kind == "entered"`, "", ""},
		{"person.points > 3.0 &&\n person.vip", "", "audience", "line 2, column 8: undefined field 'vip'"},
		{"", `person.points > 3.0`, "trigger.filter", "line 1, column 1: undeclared reference to 'person'"},
	} {
		c := latte()
		c.Audience, c.Trigger.Filter = tc.audience, tc.filter
		b := koreanBrand()
		b.Settings.Attributes = declared.Attributes
		faults := Validate(c, Known{Brand: b, Now: noon})
		if tc.field == "" {
			require.Empty(t, faults)
			continue
		}
		require.Len(t, faults, 1)
		require.Equal(t, tc.field, faults[0].Field)
		require.Equal(t, FaultExpression, faults[0].Reason)
		require.Contains(t, faults[0].Text, tc.text)
	}
}
