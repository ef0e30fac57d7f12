package api

import (
	"context"

	"github.com/google/uuid"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/engine"
)

type personService struct {
	v1.UnimplementedPersonServiceServer
	*Server
}

// UpsertPerson makes or changes a person.
func (s *personService) UpsertPerson(ctx context.Context, r *v1.UpsertPersonRequest) (*v1.UpsertPersonResponse, error) {
	c := callerOf(ctx)
	b, err := s.brandOf(c)
	if err != nil {
		return nil, err
	}
	given := r.GetPerson()
	edit, err := personEditFrom(given, r.GetUpdateMask().GetPaths(), &b.Settings)
	if err != nil {
		return nil, err
	}
	apply := edit.apply(&b.Settings, s.Server)
	if given.GetId() != "" {
		return s.changeByID(ctx, c, r, apply)
	}
	var fs faults
	if why := audience.CheckExternalID(given.GetExternalId()); why != "" {
		fs.add("person.external_id", v1.ErrorReason_INVALID_FIELD, why)
		return nil, fs.err()
	}
	done, err := s.engine.ChangeProfiles(ctx, engine.ProfileChanges{
		BrandID: c.Brand, Create: true, DryRun: r.GetValidateOnly(),
		Changes: []engine.ProfileChange{{ExternalID: given.GetExternalId(), Apply: apply}},
	})
	if err != nil {
		return nil, err
	}
	out := &done[0]
	if out.Err != nil {
		return nil, personFault(out.Err, "external_id", given.GetExternalId())
	}
	if r.GetValidateOnly() && out.Changed == engine.Created {
		out.PersonID = uuid.Nil
	}
	return &v1.UpsertPersonResponse{Person: s.personTo(c.Brand, out.PersonID, &out.Profile), Created: out.Changed == engine.Created}, nil
}

// changeByID changes a person that is there, named by its id.
func (s *personService) changeByID(ctx context.Context, c *Caller, r *v1.UpsertPersonRequest, apply func(*audience.Profile) error) (*v1.UpsertPersonResponse, error) {
	given := r.GetPerson()
	id := parseID(given.GetId())
	profile, err := s.engine.ChangeProfile(ctx, c.Brand, id, r.GetValidateOnly(), func(p *audience.Profile) error {
		if own := given.GetExternalId(); own != "" && own != p.ExternalID {
			var fs faults
			fs.add("person.external_id", v1.ErrorReason_INVALID_FIELD, "not that of the person with this id: an own id is given by logging in")
			return fs.err()
		}
		return apply(p)
	})
	if err != nil {
		return nil, personFault(err, "person_id", given.GetId())
	}
	return &v1.UpsertPersonResponse{Person: s.personTo(c.Brand, id, profile)}, nil
}

// personNamed finds a person of the caller's brand by its id or, without one, by the brand's own.
func (s *personService) personNamed(ctx context.Context, c *Caller, id, externalID string) (engine.PersonRow, error) {
	if id != "" {
		row, err := s.engine.ProfileOf(ctx, c.Brand, parseID(id))
		return row, personFault(err, "person_id", id)
	}
	person, err := s.engine.PersonOf(ctx, c.Brand, engine.PersonRef{PersonExternalID: externalID})
	if err != nil {
		return engine.PersonRow{}, personFault(err, "external_id", externalID)
	}
	row, err := s.engine.ProfileOf(ctx, c.Brand, person)
	return row, personFault(err, "external_id", externalID)
}

// GetPerson shows a person.
func (s *personService) GetPerson(ctx context.Context, r *v1.GetPersonRequest) (*v1.GetPersonResponse, error) {
	c := callerOf(ctx)
	row, err := s.personNamed(ctx, c, r.GetId(), r.GetExternalId())
	if err != nil {
		return nil, err
	}
	return &v1.GetPersonResponse{Person: s.personTo(c.Brand, row.Key.PersonID, &row.Profile)}, nil
}

// ListPersons lists people by id.
func (s *personService) ListPersons(ctx context.Context, r *v1.ListPersonsRequest) (*v1.ListPersonsResponse, error) {
	c := callerOf(ctx)
	const query = "persons"
	cursor, err := readPageToken(query, r.GetPageToken())
	if err != nil {
		return nil, err
	}
	var after uuid.UUID
	if cursor != "" {
		if after, err = uuid.FromBytes([]byte(cursor)); err != nil {
			return nil, errPageToken()
		}
	}
	rows, next, err := s.engine.Profiles(ctx, c.Brand, after, pageSize(r.GetPageSize(), smallPages))
	if err != nil {
		return nil, err
	}
	out := &v1.ListPersonsResponse{}
	for i := range rows {
		out.Persons = append(out.Persons, s.personTo(c.Brand, rows[i].Key.PersonID, &rows[i].Profile))
	}
	if next != uuid.Nil {
		out.NextPageToken = pageToken(query, string(next[:]))
	}
	return out, nil
}

// DeletePerson erases a person.
func (s *personService) DeletePerson(ctx context.Context, r *v1.DeletePersonRequest) (*v1.DeletePersonResponse, error) {
	c := callerOf(ctx)
	person, key, named := parseID(r.GetId()), "person_id", r.GetId()
	if named == "" {
		key, named = "external_id", r.GetExternalId()
		var err error
		if person, err = s.engine.PersonOf(ctx, c.Brand, engine.PersonRef{PersonExternalID: named}); err != nil {
			return nil, personFault(err, key, named)
		}
	}
	asked := s.now()
	receipt, at, err := s.engine.Erase(ctx, c.Brand, person)
	if err != nil {
		return nil, personFault(err, key, named)
	}
	return &v1.DeletePersonResponse{Receipt: &v1.ErasureReceipt{
		Id: receipt.String(), Scopes: erasedScopes, RequestTime: asked, EraseTime: stamp(at),
	}}, nil
}

// personFor is the person that a request is about: a phone's own, whatever the request names, or the one a server names.
func (s *personService) personFor(ctx context.Context, c *Caller, id, externalID string) (uuid.UUID, error) {
	if c.Kind == v1.Access_PHONE {
		return c.Person, nil
	}
	if id == "" && externalID == "" {
		var fs faults
		fs.add("person", v1.ErrorReason_INVALID_FIELD, "a server names the person")
		return uuid.Nil, fs.err()
	}
	row, err := s.personNamed(ctx, c, id, externalID)
	return row.Key.PersonID, err
}

// ownPersonMissing answers a phone whose person is gone.
func ownPersonMissing(c *Caller, err error, id uuid.UUID) error {
	if c.Kind == v1.Access_PHONE {
		return deviceMissing(err)
	}
	return personFault(err, "person_id", id.String())
}

// GetLimits shows a person's own limits.
func (s *personService) GetLimits(ctx context.Context, r *v1.GetLimitsRequest) (*v1.GetLimitsResponse, error) {
	c := callerOf(ctx)
	b, err := s.brandOf(c)
	if err != nil {
		return nil, err
	}
	person, err := s.personFor(ctx, c, r.GetPersonId(), r.GetPersonExternalId())
	if err != nil {
		return nil, err
	}
	limits, err := s.engine.Limits(ctx, c.Brand, person)
	if err != nil {
		return nil, ownPersonMissing(c, err, person)
	}
	return &v1.GetLimitsResponse{Limits: limitsTo(limits), Topics: b.Settings.Topics, ServerTime: s.now()}, nil
}

// UpdateLimits replaces them.
func (s *personService) UpdateLimits(ctx context.Context, r *v1.UpdateLimitsRequest) (*v1.UpdateLimitsResponse, error) {
	c := callerOf(ctx)
	person, err := s.personFor(ctx, c, r.GetPersonId(), r.GetPersonExternalId())
	if err != nil {
		return nil, err
	}
	var fault error
	kept, err := s.engine.PutLimits(ctx, c.Brand, person, func(now audience.Limits) audience.Limits {
		var merged *v1.PersonLimits
		if merged, fault = merge(limitsTo(&now), r.GetLimits(), r.GetUpdateMask()); fault == nil {
			fault = s.checkMessage(merged, "limits.")
		}
		if fault == nil && (merged.GetQuietStart() == "") != (merged.GetQuietEnd() == "") {
			var fs faults
			fs.add("limits.quiet_start", v1.ErrorReason_INVALID_FIELD, "quiet hours have a start and an end")
			fault = fs.err()
		}
		if fault != nil {
			return now
		}
		return limitsFrom(merged)
	})
	if fault != nil {
		return nil, fault
	}
	if fs := faultsOf(err, ownLimitNames); fs != nil {
		return nil, fs.err()
	}
	if err != nil {
		return nil, ownPersonMissing(c, err, person)
	}
	return &v1.UpdateLimitsResponse{Limits: limitsTo(kept), ServerTime: s.now()}, nil
}

var ownLimitNames = fieldNames{prefix: "limits.", names: map[string]string{"muted_stores": "muted_store_ids", "quiet_from": "quiet_start", "quiet_until": "quiet_end"}}

func limitsTo(l *audience.Limits) *v1.PersonLimits {
	out := &v1.PersonLimits{}
	if l == nil {
		return out
	}
	out.PerDay, out.PerWeek, out.MutedTopics = int32(l.PerDay), int32(l.PerWeek), l.MutedTopics
	for _, id := range l.MutedStores {
		out.MutedStoreIds = append(out.MutedStoreIds, id.String())
	}
	if l.QuietFrom != l.QuietUntil {
		out.QuietStart, out.QuietEnd = clockText(l.QuietFrom), clockText(l.QuietUntil)
	}
	return out
}

func limitsFrom(l *v1.PersonLimits) audience.Limits {
	out := audience.Limits{PerDay: int(l.GetPerDay()), PerWeek: int(l.GetPerWeek()), MutedTopics: l.GetMutedTopics()}
	for _, id := range l.GetMutedStoreIds() {
		out.MutedStores = append(out.MutedStores, parseID(id))
	}
	out.QuietFrom, _ = minuteOf(l.GetQuietStart())
	out.QuietUntil, _ = minuteOf(l.GetQuietEnd())
	return out
}
