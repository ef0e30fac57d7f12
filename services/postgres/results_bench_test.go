package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
)

// BenchmarkQueryResults asks for 30 days of 100 campaigns at 20 stores each, among 90 days of them: by campaign, and by
// campaign, store and day.
func BenchmarkQueryResults(b *testing.B) {
	s := postgrestest.New(b)
	id := newBrand(b, s)
	for _, sql := range []string{
		`INSERT INTO result_sum SELECT $1, '2026-05-04'::date - d, md5('c' || c)::uuid, md5(c || 's' || s)::uuid, '', m, 7
			FROM generate_series(0, 89) d, generate_series(1, 100) c, generate_series(1, 20) s, unnest(ARRAY['WON', 'CAP_REACHED', 'OUTSIDE_HOURS', 'accepted fcm', 'shown', 'visited']) m`,
	} {
		_, err := postgres.Pool(s).Exec(b.Context(), sql, id)
		require.NoError(b, err)
	}
	_, err := postgres.Pool(s).Exec(b.Context(), `VACUUM ANALYZE result_sum`)
	require.NoError(b, err)
	for name, f := range map[string]engine.ResultFilter{
		"by=campaign":         {ByCampaign: true},
		"by=campaign,arm,day": {ByCampaign: true, ByArm: true, ByDay: true},
	} {
		f.BrandID, f.From, f.To = id, noon.AddDate(0, 0, -29).Truncate(24*time.Hour), noon.Truncate(24*time.Hour)
		b.Run(name, func(b *testing.B) {
			for range b.N {
				_, _, err := s.QueryResults(b.Context(), f, 1e6)
				require.NoError(b, err)
			}
		})
	}
}

// BenchmarkCountResults counts an hour of decisions, three a row, for the first time, and again when nothing was
// decided since.
func BenchmarkCountResults(b *testing.B) {
	url := postgrestest.URL(b)
	setup, s := postgrestest.Open(b, url, postgres.Options{StatementTimeout: time.Minute}), postgrestest.Open(b, url, postgres.Options{})
	postgres.CountFreely(s)
	id := newBrand(b, setup)
	hour := time.Now().UTC().Truncate(time.Hour).Add(-time.Hour)
	const rows = 200_000
	decideMany(b, setup, id, rows, 1, hour.Add(time.Hour-time.Millisecond))
	count := func(b *testing.B, forget string, after time.Duration) {
		for n := range b.N {
			b.StopTimer()
			_, err := postgres.Pool(s).Exec(b.Context(), forget)
			require.NoError(b, err)
			before := serverCPU(b)
			b.StartTimer()
			require.NoError(b, s.CountResults(b.Context(), hour.Add(after+time.Duration(n)*time.Hour)))
			b.StopTimer()
			b.ReportMetric(float64((serverCPU(b)-before).Nanoseconds())/rows/3, "server-ns/decision")
			b.StartTimer()
		}
	}
	b.Run("first", func(b *testing.B) { count(b, `TRUNCATE result_hour, result_live`, time.Hour) })
	b.Run("again", func(b *testing.B) {
		count(b, `UPDATE result_hour SET slice_counted = array_fill('2020-01-01'::timestamptz, ARRAY[12])`, 2*time.Hour)
	})
}
