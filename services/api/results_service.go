package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/engine"
)

type resultsService struct {
	v1.UnimplementedResultsServiceServer
	*Server
}

// mostResults bounds what one query may find.
const mostResults = 20_000

// QueryResults sums up what campaigns brought.
func (s *resultsService) QueryResults(ctx context.Context, r *v1.QueryResultsRequest) (*v1.QueryResultsResponse, error) {
	filter, err := s.resultFilter(callerOf(ctx), r.GetQuery())
	if err != nil {
		return nil, err
	}
	query := "results " + filter.From.Format(time.DateOnly) + filter.To.Format(time.DateOnly) + queryText(r.GetQuery())
	offset, err := readOffset(query, r.GetPageToken())
	if err != nil {
		return nil, err
	}
	results, fresh, err := s.results(ctx, filter, r.GetQuery())
	if err != nil {
		return nil, err
	}
	b, err := s.brandOf(callerOf(ctx))
	if err != nil {
		return nil, err
	}
	out := &v1.QueryResultsResponse{CountedTime: stamp(fresh), VisitWindow: durationpb.New(min(engine.VisitWindow, cmp.Or(b.Settings.PlaceRetention, engine.VisitWindow)))}
	offset = min(offset, len(results))
	end := min(offset+pageSize(r.GetPageSize(), largePages), len(results))
	out.Results = results[offset:end]
	if end < len(results) {
		out.NextPageToken = pageToken(query, strconv.Itoa(end))
	}
	return out, nil
}

// ExportResults is QueryResults as a file.
func (s *resultsService) ExportResults(ctx context.Context, r *v1.ExportResultsRequest) (*v1.ExportResultsResponse, error) {
	filter, err := s.resultFilter(callerOf(ctx), r.GetQuery())
	if err != nil {
		return nil, err
	}
	results, fresh, err := s.results(ctx, filter, r.GetQuery())
	if err != nil {
		return nil, err
	}
	if filter.ByStore && filter.ByDay {
		results = withoutSmallGroups(results)
	}
	return &v1.ExportResultsResponse{Content: resultsCSV(results), CountedTime: stamp(fresh)}, nil
}

func (s *resultsService) results(ctx context.Context, f engine.ResultFilter, q *v1.ResultQuery) ([]*v1.Result, time.Time, error) {
	found, fresh, err := s.engine.Results(ctx, f, mostResults)
	if errors.Is(err, engine.ErrTooMany) {
		var fs faults
		fs.add("query", v1.ErrorReason_INVALID_FIELD, fmt.Sprintf("more than %d groups: ask for fewer days, campaigns or stores, or tell fewer dimensions apart", mostResults))
		return nil, fresh, fs.err()
	}
	if err != nil {
		return nil, fresh, err
	}
	return s.resultsTo(f.BrandID, found, dimensions(q)), fresh, nil
}

// queryText binds a page's token to its query.
func queryText(q *v1.ResultQuery) string {
	text, _ := proto.MarshalOptions{Deterministic: true}.Marshal(q) // of a message that came over the wire
	return string(text)
}

// dimensions are those that a query asks for.
func dimensions(q *v1.ResultQuery) []v1.ResultQuery_Dimension {
	if len(q.GetGroupBy()) == 0 {
		return []v1.ResultQuery_Dimension{v1.ResultQuery_CAMPAIGN}
	}
	return q.GetGroupBy()
}

// mostResultDays bounds the days of one query, and usualResultDays are those of one that names none.
const (
	mostResultDays  = 400
	usualResultDays = 30
)

// resultFilter reads what is asked for, and refuses what the caller may not see.
func (s *resultsService) resultFilter(c *Caller, q *v1.ResultQuery) (f engine.ResultFilter, err error) {
	b, err := s.brandOf(c)
	if err != nil {
		return f, err
	}
	by := dimensions(q)
	f = engine.ResultFilter{
		BrandID: c.Brand, ByCampaign: slices.Contains(by, v1.ResultQuery_CAMPAIGN), ByStore: slices.Contains(by, v1.ResultQuery_STORE),
		ByDay: slices.Contains(by, v1.ResultQuery_DAY), ByArm: slices.Contains(by, v1.ResultQuery_VARIANT) || slices.Contains(by, v1.ResultQuery_ARM),
	}
	if f.From, f.To, err = resultDays(q, s.engine.Now().In(b.Settings.Zone())); err != nil {
		return f, err
	}
	if err = s.resultCampaigns(&f, q); err != nil {
		return f, err
	}
	return f, s.resultStores(c, &f, q)
}

// resultDays reads the days of a query.
func resultDays(q *v1.ResultQuery, now time.Time) (from, to time.Time, err error) {
	var fs faults
	day := func(field, text string, otherwise time.Time) time.Time {
		if text == "" {
			return otherwise
		}
		t, err := time.Parse(time.DateOnly, text)
		if err != nil {
			fs.add(field, v1.ErrorReason_INVALID_FIELD, "no such day")
		}
		return t
	}
	to = day("query.end_day", q.GetEndDay(), time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC))
	from = day("query.start_day", q.GetStartDay(), to.AddDate(0, 0, 1-usualResultDays))
	if err := fs.err(); err != nil {
		return from, to, err
	}
	switch {
	case from.After(to):
		fs.add("query.start_day", v1.ErrorReason_INVALID_FIELD, "after the end")
	case to.Sub(from) >= mostResultDays*24*time.Hour:
		fs.add("query.start_day", v1.ErrorReason_INVALID_FIELD, fmt.Sprintf("more than %d days before the end", mostResultDays-1))
	}
	return from, to, fs.err()
}

func (s *resultsService) resultCampaigns(f *engine.ResultFilter, q *v1.ResultQuery) error {
	for _, id := range q.GetCampaignIds() {
		campaign, err := s.engine.Campaign(f.BrandID, parseID(id))
		if err != nil {
			return missing(err, v1.ErrorReason_CAMPAIGN_NOT_FOUND, "campaign_id", id)
		}
		f.Campaigns = append(f.Campaigns, campaign.ID)
	}
	for _, id := range q.GetCampaignExternalIds() {
		campaign, err := s.engine.CampaignByExternalID(f.BrandID, id)
		if err != nil {
			return missing(err, v1.ErrorReason_CAMPAIGN_NOT_FOUND, "external_id", id)
		}
		f.Campaigns = append(f.Campaigns, campaign.ID)
	}
	return nil
}

// resultStores are the stores that are asked for; of a key limited to stores, none but these.
func (s *resultsService) resultStores(c *Caller, f *engine.ResultFilter, q *v1.ResultQuery) error {
	for _, id := range q.GetStoreIds() {
		at, err := s.engine.Store(f.BrandID, parseID(id))
		if err != nil {
			return missing(err, v1.ErrorReason_STORE_NOT_FOUND, "store_id", id)
		}
		f.Stores = append(f.Stores, at.ID)
	}
	for _, id := range q.GetStoreExternalIds() {
		at, err := s.engine.StoreByExternalID(f.BrandID, id)
		if err != nil {
			return missing(err, v1.ErrorReason_STORE_NOT_FOUND, "external_id", id)
		}
		f.Stores = append(f.Stores, at.ID)
	}
	for _, id := range f.Stores {
		if err := c.mayStore(id); err != nil {
			return err
		}
	}
	if len(f.Stores) == 0 {
		f.Stores = c.Key.StoreIDs
	}
	return nil
}
