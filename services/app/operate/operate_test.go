package operate_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/wantgo/wantgo/services/app/doctor"
	"github.com/wantgo/wantgo/services/app/node"
	"github.com/wantgo/wantgo/services/app/operate"
	"github.com/wantgo/wantgo/services/postgres"
)

// metrics are what a node registers, whether they have been counted yet or not: name and labels.
func metrics(t *testing.T) map[string][]string {
	t.Helper()
	if _, err := postgres.FindBinaries(t.Context()); err != nil {
		t.Skipf("needs PostgreSQL: %v", err)
	}
	dir, err := os.MkdirTemp("", "wantgo-operate-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o711))
	n, err := node.Open(t.Context(), node.Config{DataDir: filepath.Join(dir, "data"), Tied: true, Dispatch: true, Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	defer func() { require.NoError(t, n.Close(t.Context())) }()
	descs := make(chan *prometheus.Desc)
	go func() {
		n.Registry().Describe(descs)
		close(descs)
	}()
	form := regexp.MustCompile(`fqName: "([^"]+)".*variableLabels: \{([^}]*)\}`)
	all := map[string][]string{"up": nil}
	for d := range descs {
		m := form.FindStringSubmatch(d.String())
		require.NotNil(t, m, d.String())
		all[m[1]] = strings.Split(m[2], ",")
	}
	return all
}

var (
	quoted   = regexp.MustCompile(`"[^"]*"`)
	selector = regexp.MustCompile(`([a-z_][a-z0-9_]*)\{([^}]*)\}`)
	label    = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)`)
	grouping = regexp.MustCompile(`\b(?:by|without|on|ignoring)\s*\(([^)]*)\)`)
	word     = regexp.MustCompile(`[a-z_][a-z0-9_]*`)
)

// What Prometheus itself adds, and what a histogram has.
var scraped = []string{"instance", "job", "le"}

var functions = []string{"sum", "rate", "increase", "max", "absent", "histogram_quantile", "and"}

// faults compares an expression with the metrics.
func faults(expr string, all map[string][]string) (list []string) {
	named := func(name string) ([]string, bool) {
		for _, suffix := range []string{"", "_bucket", "_sum", "_count"} {
			if labels, ok := all[strings.TrimSuffix(name, suffix)]; ok && strings.HasSuffix(name, suffix) {
				return labels, true
			}
		}
		return nil, false
	}
	bare := quoted.ReplaceAllString(expr, `""`)
	if strings.Count(bare, "(") != strings.Count(bare, ")") || strings.Count(bare, "{") != strings.Count(bare, "}") {
		list = append(list, "unbalanced: "+expr)
	}
	for _, m := range selector.FindAllStringSubmatch(bare, -1) {
		labels, _ := named(m[1])
		for _, l := range label.FindAllStringSubmatch(m[2], -1) {
			if !slices.Contains(labels, l[1]) && !slices.Contains(scraped, l[1]) {
				list = append(list, m[1]+" has no label "+l[1])
			}
		}
	}
	var grouped []string
	for _, m := range grouping.FindAllStringSubmatch(bare, -1) {
		grouped = append(grouped, word.FindAllString(m[1], -1)...)
	}
	rest := regexp.MustCompile(`\[[0-9a-z]+\]`).ReplaceAllString(grouping.ReplaceAllString(selector.ReplaceAllString(bare, "$1"), ""), "")
	var labels []string
	for _, name := range word.FindAllString(rest, -1) {
		if slices.Contains(functions, name) {
			continue
		}
		more, ok := named(name)
		if !ok {
			list = append(list, "no metric "+name)
		}
		labels = append(labels, more...)
	}
	for _, l := range grouped {
		if !slices.Contains(labels, l) && !slices.Contains(scraped, l) {
			list = append(list, "nothing has the label "+l+": "+expr)
		}
	}
	return list
}

type ruleFile struct {
	Groups []struct {
		Name  string
		Rules []struct {
			Alert, Expr, For    string
			Labels, Annotations map[string]string
		}
	}
}

// anchors are the headings of the runbook as a browser names them.
func anchors() (all []string) {
	drop := regexp.MustCompile(`[^a-z0-9 -]`)
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(operate.Runbook, -1) {
		all = append(all, strings.ReplaceAll(drop.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-"))
	}
	return all
}

func TestAlertsAndBoardAskForWhatThereIs(t *testing.T) {
	all := metrics(t)
	require.Contains(t, all, "wantgo_table_dead_rows")
	require.Empty(t, faults(`sum by (reason) (rate(wantgo_decisions_total{reason="WON"}[5m]))`, all))
	for _, wrong := range []string{`rate(wantgo_decision_total[5m])`, `wantgo_decisions_total{why="x"}`, `sum by (why) (wantgo_decisions_total)`, `sum(wantgo_decisions_total`} {
		require.NotEmpty(t, faults(wrong, all), "the test can fail: %s", wrong)
	}

	var rules ruleFile
	require.NoError(t, yaml.UnmarshalStrict(operate.Alerts, &rules))
	seen := map[string]bool{}
	for _, r := range rules.Groups[0].Rules {
		require.False(t, seen[r.Alert], "%s twice", r.Alert)
		seen[r.Alert] = true
		require.Empty(t, faults(r.Expr, all), r.Alert)
		require.Contains(t, []string{"page", "ticket"}, r.Labels["severity"], r.Alert)
		require.NotEmpty(t, r.Annotations["summary"], r.Alert)
		file, anchor, _ := strings.Cut(r.Annotations["runbook_url"], "#")
		require.Equal(t, "RUNBOOK.md", file, r.Alert)
		require.Contains(t, anchors(), anchor, r.Alert)
		require.Equal(t, strings.ToLower(r.Alert), strings.ReplaceAll(anchor, "-", ""), "the alert's own place")
	}
	require.Greater(t, len(seen), 10)

	var board struct {
		Panels []struct {
			Title, Type string
			Targets     []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(operate.Board, &board))
	shown := 0
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			shown++
			require.Empty(t, faults(target.Expr, all), p.Title)
		}
		require.True(t, p.Type == "row" || len(p.Targets) > 0, p.Title)
	}
	require.Greater(t, shown, 25)
}

// Every check of the doctor, and every reference within the runbook, has its place there.
func TestRunbookHasAPlaceForEverything(t *testing.T) {
	all := anchors()
	for _, name := range doctor.Names() {
		require.Contains(t, all, "doctor-"+name)
	}
	for _, m := range regexp.MustCompile(`\]\(#([^)]+)\)`).FindAllStringSubmatch(operate.Runbook, -1) {
		require.Contains(t, all, m[1])
	}
}
