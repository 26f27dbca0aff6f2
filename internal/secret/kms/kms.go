// Package kms wraps keys by a key of AWS KMS, or of a service that speaks its protocol.
//
// One KMS key wraps every key of the shop; the name of each is its encryption context, so that a
// blob opens under no other name. KMS deletes a key after 7 to 30 days only and
// never one ciphertext, so Discard does nothing there: what is destroyed is the blob in the
// keeper's folder. What follows for the 35 days is worked out in docs/keys.md.
//
// Credentials come the ways that AWS documents: the environment, shared files, the role of the
// machine, container or pod.
package kms

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"kassavalv/internal/secret"
)

// Options say which key.
type Options struct {
	Key      string        // id, ARN or alias/…
	Region   string        // empty: as AWS's environment says
	Endpoint string        // of another service that speaks the protocol; empty: AWS
	Timeout  time.Duration // of one call, tries included; 10 s where zero
}

// Client is a secret.Wrapper.
type Client struct {
	o   Options
	kms *kms.Client
}

// New makes a client; it asks nothing of KMS yet.
func New(ctx context.Context, o Options) (*Client, error) {
	if o.Key == "" {
		return nil, errors.New("kms: which key is not said")
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	var opts []func(*config.LoadOptions) error
	if o.Region != "" {
		opts = append(opts, config.WithRegion(o.Region))
	}
	cfg, err := config.LoadDefaultConfig(ctx, opts...)
	if err != nil {
		return nil, fmt.Errorf("kms: %w", err)
	}
	if cfg.Region == "" {
		return nil, errors.New("kms: the region is not said")
	}
	return &Client{o: o, kms: kms.NewFromConfig(cfg, func(k *kms.Options) {
		if o.Endpoint != "" {
			k.BaseEndpoint = aws.String(o.Endpoint)
		}
	})}, nil
}

// Where names service and key.
func (c *Client) Where() string {
	if c.o.Endpoint != "" {
		return "KMS at " + c.o.Endpoint + " (" + c.o.Key + ")"
	}
	return "AWS KMS (" + c.o.Key + ")"
}

func encryptionContext(name string) map[string]string {
	return map[string]string{"kassavalv": secret.Bound(name)}
}

// Wrap has KMS seal plain.
func (c *Client) Wrap(ctx context.Context, name string, plain []byte) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	out, err := c.kms.Encrypt(ctx, &kms.EncryptInput{KeyId: &c.o.Key, Plaintext: plain, EncryptionContext: encryptionContext(name)})
	if err != nil {
		return "", err
	}
	return secret.BlobText(out.CiphertextBlob), nil
}

// Unwrap has KMS open a blob. A KMS key that waits for its deletion, is disabled or gone can
// be brought back or was mistyped: it is never taken for a destroyed key of the shop.
func (c *Client) Unwrap(ctx context.Context, name, blob string) ([]byte, error) {
	b, err := secret.BlobBytes(blob)
	if err != nil {
		return nil, errors.New("kms: not a blob of KMS")
	}
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	out, err := c.kms.Decrypt(ctx, &kms.DecryptInput{KeyId: &c.o.Key, CiphertextBlob: b, EncryptionContext: encryptionContext(name)})
	if err != nil {
		return nil, err
	}
	return out.Plaintext, nil
}

// Discard does nothing: KMS cannot unmake one ciphertext.
func (c *Client) Discard(context.Context, string, string) error { return nil }
