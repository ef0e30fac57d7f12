package api

import (
	"encoding/csv"
	"strconv"
	"strings"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

var resultColumns = []string{
	"day", "campaign_id", "campaign_external_id", "store_id", "store_external_id", "variant", "arm",
	"moments", "eligible", "won", "shown", "opened", "visited", "won_visited", "redeemed", "bought",
}

// resultsCSV is results as a table. The columns of what has names of its own come last, those that occur.
func resultsCSV(results []*v1.Result) string {
	refused, accepted := namesIn(results, (*v1.Result).GetRefused), namesIn(results, (*v1.Result).GetAccepted)
	amounts := namesIn(results, (*v1.Result).GetAmounts)
	header := append([]string{}, resultColumns...)
	header = append(header, prefixed("accepted_", accepted)...)
	header = append(header, prefixed("amount_", amounts)...)
	header = append(header, prefixed("refused_", refused)...)
	var out strings.Builder
	w := csv.NewWriter(&out)
	_ = w.Write(header) // into memory
	for _, r := range results {
		line := resultLine(r)
		for _, name := range accepted {
			line = append(line, strconv.FormatInt(r.GetAccepted()[name], 10))
		}
		for _, name := range amounts {
			line = append(line, strconv.FormatFloat(r.GetAmounts()[name], 'f', -1, 64))
		}
		for _, name := range refused {
			line = append(line, strconv.FormatInt(r.GetRefused()[name], 10))
		}
		_ = w.Write(line)
	}
	w.Flush()
	return out.String()
}

func prefixed(prefix string, names []string) []string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = prefix + name
	}
	return all
}

func resultLine(r *v1.Result) []string {
	arm := ""
	if r.GetArm() != v1.Result_ARM_UNSPECIFIED {
		arm = strings.ToLower(r.GetArm().String())
	}
	line := []string{r.GetDay(), r.GetCampaignId(), csvText(r.GetCampaignExternalId()), r.GetStoreId(), csvText(r.GetStoreExternalId()), csvText(r.GetVariant()), arm}
	for _, n := range []int64{r.GetMoments(), r.GetEligible(), r.GetWon(), r.GetShown(), r.GetOpened(), r.GetVisited(), r.GetWonVisited(), r.GetRedeemed(), r.GetBought()} {
		line = append(line, strconv.FormatInt(n, 10))
	}
	return line
}

// csvText keeps a name that a brand chose from being taken for a formula by the program that opens the file.
func csvText(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}
