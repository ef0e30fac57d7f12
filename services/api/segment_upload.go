package api

import (
	"context"
	"errors"
	"strings"

	"github.com/google/uuid"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/store"
)

// maxNamed is how many refused lines an upload names; all are counted.
const maxNamed = 1000

// segmentUpload is one UploadSegmentMembers on its way.
type segmentUpload struct {
	*Server
	ctx    context.Context
	caller *Caller
	list   uuid.UUID
	on     bool
	rows   []importedRow
	out    *v1.UploadSegmentMembersResponse
}

// UploadSegmentMembers changes or replaces a list.
func (s *segmentService) UploadSegmentMembers(ctx context.Context, r *v1.UploadSegmentMembersRequest) (*v1.UploadSegmentMembersResponse, error) {
	c := callerOf(ctx)
	found, err := s.segments().find(c, r.GetId(), r.GetExternalId())
	if err != nil {
		return nil, err
	}
	if fs := uploadFaults(found, r); fs != nil {
		return nil, fs.err()
	}
	up := &segmentUpload{Server: s.Server, ctx: ctx, caller: c, list: found.List, on: r.GetAction() != v1.UploadSegmentMembersRequest_REMOVE, out: &v1.UploadSegmentMembersResponse{}}
	replaces := r.GetAction() == v1.UploadSegmentMembersRequest_REPLACE
	if replaces {
		up.list = engine.ListName(found.ID, parseID(orText(r.GetUploadId(), r.GetRequestId())))
	}
	if err := up.read(r); err != nil {
		return nil, err
	}
	if replaces && !r.GetMoreParts() {
		if found, err = s.engine.UseList(ctx, c.Brand, found.ID, up.list, c.by()); err != nil {
			return nil, missing(err, v1.ErrorReason_SEGMENT_NOT_FOUND, "segment_id", r.GetId())
		}
	}
	up.out.Segment = segmentTo(found)
	return up.out, nil
}

func uploadFaults(s *audience.Segment, r *v1.UploadSegmentMembersRequest) (fs faults) {
	replaces := r.GetAction() == v1.UploadSegmentMembersRequest_REPLACE
	if !s.IsList() {
		fs.add("id", v1.ErrorReason_INVALID_FIELD, "the segment is a rule: nobody is put on it")
	}
	if r.GetMoreParts() && r.GetUploadId() == "" {
		fs.add("upload_id", v1.ErrorReason_INVALID_FIELD, "missing: all parts of a list have the same")
	}
	if !replaces && (r.GetMoreParts() || r.GetUploadId() != "") {
		fs.add("upload_id", v1.ErrorReason_INVALID_FIELD, "only a list that replaces another comes in parts")
	}
	if len(r.GetContent()) == 0 && !replaces {
		fs.add("content", v1.ErrorReason_INVALID_FIELD, "empty: who is meant?")
	}
	return fs
}

// read takes the file line by line.
func (up *segmentUpload) read(r *v1.UploadSegmentMembersRequest) error {
	content, err := unpack(r.GetContent())
	if err != nil || len(content) == 0 {
		return err
	}
	encoding := encodingOf(r.GetEncoding(), content)
	column, shift := -1, 0
	table, err := store.NewTable(content, encoding)
	if err == nil {
		for i, cell := range table.Columns {
			if personColumns[strings.ToLower(cell)] == colPerson {
				column = i
			}
		}
	}
	if column < 0 {
		return up.readLines(content, encoding, int(r.GetFirstLine()))
	}
	if first := int(r.GetFirstLine()); first > 0 {
		shift = first - table.HeaderLine - 1
	}
	for row := range table.Rows() {
		at := importedRow{line: row.Line + shift}
		if column < len(row.Cells) {
			at.id = row.Cells[column]
		}
		if err := up.take(at, row.Fault); err != nil {
			return err
		}
	}
	return up.flush()
}

func (up *segmentUpload) readLines(content []byte, encoding string, first int) error {
	lines, err := store.Lines(content, encoding)
	if err != nil {
		return unreadable("1", strings.TrimPrefix(err.Error(), store.ErrTable.Error()+": "))
	}
	for line, id := range lines {
		if err := up.take(importedRow{line: line + max(first-1, 0), id: id}, ""); err != nil {
			return err
		}
	}
	return up.flush()
}

func (up *segmentUpload) take(at importedRow, why string) error {
	up.out.Given++
	if why == "" {
		why = audience.CheckExternalID(at.id)
	}
	if why != "" {
		up.refuse(at, v1.ErrorReason_INVALID_FIELD, why)
		return nil
	}
	if up.rows = append(up.rows, at); len(up.rows) < importedAtOnce {
		return nil
	}
	return up.flush()
}

func (up *segmentUpload) refuse(at importedRow, reason v1.ErrorReason_Code, why string) {
	if up.out.Refused++; len(up.out.Refusals) < maxNamed {
		up.out.Refusals = append(up.out.Refusals, &v1.UploadSegmentMembersResponse_Refusal{
			Line: int32(at.line), ExternalId: clipText(at.id, audience.MaxExternalID), Reason: reason, Detail: why,
		})
	}
}

func (up *segmentUpload) flush() error {
	if len(up.rows) == 0 {
		return nil
	}
	if err := up.ctx.Err(); err != nil {
		return err
	}
	ids := make([]string, len(up.rows))
	for i := range up.rows {
		ids[i] = up.rows[i].id
	}
	done, err := up.engine.PutOnList(up.ctx, up.caller.Brand, up.list, ids, up.on)
	if err != nil {
		return err
	}
	for i := range done {
		switch {
		case errors.Is(done[i].Err, engine.ErrNotFound), errors.Is(done[i].Err, engine.ErrErased), errors.Is(done[i].Err, engine.ErrGone):
			f := changeFault(done[i].Err)
			up.refuse(up.rows[i], f.Reason, f.Text)
		case done[i].Err != nil: // the list would not be what was asked for
			return done[i].Err
		case done[i].Changed == engine.Unchanged:
			up.out.Unchanged++
		default:
			up.out.Changed++
		}
	}
	up.rows = up.rows[:0]
	return nil
}
