package node

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wantgo/wantgo/services/postgres"
)

// tablesEvery is how often the tables are looked at: their sizes change by the hour, and reading them is not free.
const tablesEvery = time.Minute

// tables shows what the database counts of its tables. One node of a database shows it, the others show nothing.
type tables struct {
	uses   atomic.Pointer[[]postgres.TableUse]
	gauges []tableGauge
}

type tableGauge struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*postgres.TableUse) float64
}

func newTables() *tables {
	t := &tables{}
	add := func(name, help string, kind prometheus.ValueType, value func(*postgres.TableUse) float64) {
		desc := prometheus.NewDesc("wantgo_table_"+name, help+" Shown by one node.", []string{"table"}, nil)
		t.gauges = append(t.gauges, tableGauge{desc, kind, value})
	}
	gauge, counter := prometheus.GaugeValue, prometheus.CounterValue
	add("bytes", "Size of a table without its indexes.", gauge, func(u *postgres.TableUse) float64 { return float64(u.Bytes) })
	add("index_bytes", "Size of a table's indexes.", gauge, func(u *postgres.TableUse) float64 { return float64(u.IndexBytes) })
	add("live_rows", "Rows, as the database estimates.", gauge, func(u *postgres.TableUse) float64 { return float64(u.LiveRows) })
	add("dead_rows", "Versions of rows that wait for a vacuum, as the database estimates.", gauge, func(u *postgres.TableUse) float64 { return float64(u.DeadRows) })
	add("inserts_total", "Rows inserted.", counter, func(u *postgres.TableUse) float64 { return float64(u.Inserts) })
	add("updates_total", "Rows updated.", counter, func(u *postgres.TableUse) float64 { return float64(u.Updates) })
	add("hot_updates_total", "Rows updated without touching an index.", counter, func(u *postgres.TableUse) float64 { return float64(u.HotUpdates) })
	add("deletes_total", "Rows deleted.", counter, func(u *postgres.TableUse) float64 { return float64(u.Deletes) })
	add("sequential_scans_total", "Times a table was read from end to end.", counter, func(u *postgres.TableUse) float64 { return float64(u.SequentialScans) })
	add("autovacuums_total", "Vacuums by the database itself.", counter, func(u *postgres.TableUse) float64 { return float64(u.Vacuums) })
	return t
}

// Describe and Collect make tables a prometheus.Collector.
func (t *tables) Describe(out chan<- *prometheus.Desc) {
	for _, g := range t.gauges {
		out <- g.desc
	}
}

// Collect shows what was read last.
func (t *tables) Collect(out chan<- prometheus.Metric) {
	uses := t.uses.Load()
	if uses == nil {
		return
	}
	for i := range *uses {
		for _, g := range t.gauges {
			out <- prometheus.MustNewConstMetric(g.desc, g.kind, g.value(&(*uses)[i]), (*uses)[i].Table)
		}
	}
}

// watchTables reads the tables now and then until ctx ends. What cannot be read is not shown.
func (n *Node) watchTables(ctx context.Context) error {
	watcher := n.store.Watcher()
	defer watcher.Close()
	tick := time.NewTicker(tablesEvery)
	defer tick.Stop()
	for {
		bounded, cancel := context.WithTimeout(ctx, tablesEvery/2)
		uses, err := watcher.Read(bounded)
		cancel()
		if err != nil && ctx.Err() == nil {
			n.log.Warn("the tables' counters could not be read", "error", err)
		}
		if uses == nil {
			n.tables.uses.Store(nil)
		} else {
			n.tables.uses.Store(&uses)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
