package api

import (
	"context"

	"github.com/google/uuid"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
)

type credentialService struct {
	v1.UnimplementedCredentialServiceServer
	*Server
}

var providers = map[v1.PushAddress_Provider]pusher.Provider{v1.PushAddress_FCM: pusher.FCM, v1.PushAddress_APNS: pusher.APNs,
	v1.PushAddress_WEB_PUSH: pusher.WebPush}

// credentialTo is a credential as it is told, with what its provider last said of it.
func credentialTo(c *brand.Credential, state brand.CredentialState) *v1.Credential {
	out := &v1.Credential{
		Id: c.ID.String(), Provider: keyOf(providers, c.Provider), State: v1.Credential_ACTIVE, Fingerprint: c.Fingerprint,
		ProjectId: c.ProjectID, KeyId: c.KeyID, TeamId: c.TeamID, Topic: c.Topic, UploadTime: stamp(c.UpdatedAt),
	}
	out.LastAcceptedTime = stamp(state.AcceptedAt)
	if state.Refused() {
		out.State, out.Detail = v1.Credential_REFUSED, state.RefusedCode
	}
	if c.Provider == pusher.WebPush {
		out.VapidPublicKey, out.KeyId = c.KeyID, ""
	}
	if c.Provider == pusher.APNs {
		out.Environment = v1.PushAddress_PRODUCTION
		if c.Sandbox {
			out.Environment = v1.PushAddress_SANDBOX
		}
	}
	if !c.DeletedAt.IsZero() {
		out.State = v1.Credential_REPLACED
	}
	return out
}

// credentialFrom checks an upload and gives its secret apart.
func credentialFrom(r *v1.UploadCredentialRequest) (c brand.Credential, secret []byte, err error) {
	names := fieldNames{prefix: "firebase.service_account_json", names: map[string]string{"service_account": ""}}
	switch {
	case r.GetFirebase() != nil:
		secret = r.GetFirebase().GetServiceAccountJson()
		c, err = brand.CheckServiceAccount(secret)
	case r.GetVapid() != nil:
		names = fieldNames{prefix: "vapid."}
		c, secret, err = brand.CheckVAPIDKey(r.GetVapid().GetPrivateKey(), r.GetVapid().GetSubject())
	default:
		a := r.GetApns()
		secret = a.GetPrivateKey()
		names = fieldNames{prefix: "apns.", names: map[string]string{"p8": "private_key"}}
		c, err = brand.CheckAPNsKey(secret, a.GetKeyId(), a.GetTeamId(), a.GetTopic(), a.GetEnvironment() == v1.PushAddress_SANDBOX)
	}
	fs := faultsOf(err, names)
	for i := range fs {
		fs[i].Reason, fs[i].Values = v1.ErrorReason_CREDENTIAL_INVALID, []string{"cause", fs[i].Text}
	}
	if fs != nil {
		err = fs.err()
	}
	return c, secret, err
}

// UploadCredential checks and seals a credential, in the place of one for the same app.
func (s *credentialService) UploadCredential(ctx context.Context, r *v1.UploadCredentialRequest) (*v1.UploadCredentialResponse, error) {
	c := callerOf(ctx)
	now := s.engine.Now()
	fresh, secret, err := credentialFrom(r)
	if err != nil {
		return nil, err
	}
	fresh.ID, fresh.BrandID, fresh.UpdatedAt = engine.NewID(now), c.Brand, now
	if !r.GetValidateOnly() {
		if fresh.Sealed, err = s.engine.SealCredential(c.Brand, secret); err != nil {
			return nil, err
		}
		if err := s.putCredentials(ctx, c, append(s.replaced(c, &fresh), fresh)); err != nil {
			return nil, err
		}
	}
	return &v1.UploadCredentialResponse{Credential: credentialTo(&fresh, brand.CredentialState{})}, nil
}

// replaced are the credentials that a new one takes the place of, marked so.
func (s *credentialService) replaced(c *Caller, fresh *brand.Credential) []brand.Credential {
	var old []brand.Credential
	for _, k := range s.engine.Credentials(c.Brand) {
		if k.Provider == fresh.Provider && k.ProjectID == fresh.ProjectID && k.Topic == fresh.Topic && k.Sandbox == fresh.Sandbox {
			k.DeletedAt = fresh.UpdatedAt
			old = append(old, k)
		}
	}
	return old
}

func (s *Server) putCredentials(ctx context.Context, c *Caller, list []brand.Credential) error {
	_, err := s.engine.Write(ctx, engine.CatalogueWrite{BrandID: c.Brand, Actor: c.by(), Credentials: list})
	return err
}

// ListCredentials lists what there is, without the secrets.
func (s *credentialService) ListCredentials(ctx context.Context, r *v1.ListCredentialsRequest) (*v1.ListCredentialsResponse, error) {
	list, next, err := page(s.engine.Credentials(callerOf(ctx).Brand), func(k brand.Credential) [16]byte { return k.ID }, nil,
		"credentials", r.GetPageToken(), pageSize(r.GetPageSize(), smallPages))
	if err != nil {
		return nil, err
	}
	var states map[uuid.UUID]brand.CredentialState
	if s.credentialStates != nil {
		if states, err = s.credentialStates(ctx, callerOf(ctx).Brand); err != nil {
			return nil, err
		}
	}
	out := &v1.ListCredentialsResponse{NextPageToken: next}
	for i := range list {
		out.Credentials = append(out.Credentials, credentialTo(&list[i], states[list[i].ID]))
	}
	return out, nil
}

// DeleteCredential removes one.
func (s *credentialService) DeleteCredential(ctx context.Context, r *v1.DeleteCredentialRequest) (*v1.DeleteCredentialResponse, error) {
	c := callerOf(ctx)
	k, err := s.engine.Credential(c.Brand, parseID(r.GetId()))
	if err != nil {
		return nil, missing(err, v1.ErrorReason_CREDENTIAL_NOT_FOUND, "credential_id", r.GetId())
	}
	k.DeletedAt = s.engine.Now()
	return &v1.DeleteCredentialResponse{}, s.putCredentials(ctx, c, []brand.Credential{k})
}
