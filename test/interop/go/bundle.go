// A domain's bundle (docs/protocol.md) read and believed by an implementation of its own, on the standard library alone.
package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
)

type bundleCase struct {
	Id, Bundle, Domain, Held string
	Anchors, Denied_keys     []string
	First                    bool
	Time                     time.Time
	After                    *after
}

type after struct {
	Roots       []string
	Sequence    int
	Denied_keys []string
}

type bundle struct {
	Contents  contents
	Algorithm struct{ Id asn1.ObjectIdentifier }
	Signature asn1.BitString
}

type contents struct {
	Raw                 asn1.RawContent
	Version             int
	Domain              string `asn1:"utf8"`
	Sequence            int
	IssuedAt, ExpiresAt time.Time
	RefreshAfter        int
	Signer              []byte
	Roots, Handovers    []asn1.RawValue
	DeniedKeys          []deniedKey
	DeniedCertificates  []deniedCertificate
}

type deniedKey struct {
	Raw   asn1.RawContent
	Key   []byte
	Until time.Time
}

type deniedCertificate struct {
	Raw    asn1.RawContent
	Issuer []byte
	Serial *big.Int
	Until  time.Time
}

var algorithms = map[string]x509.SignatureAlgorithm{
	"1.3.101.112": x509.PureEd25519, "1.2.840.10045.4.3.2": x509.ECDSAWithSHA256,
}

func judgeBundle(s suite, v bundleCase) error {
	der := s.Bundles[v.Bundle]
	b, roots, handovers, err := readBundle(der)
	if err != nil {
		return err
	}
	if b.Contents.Domain != v.Domain {
		return errors.New("another domain")
	}
	known := roots
	if !v.First {
		if known, err = parse(s, v.Anchors); err != nil {
			return err
		}
		known = follow(known, handovers, v)
	}
	signer := withDigest(known, b.Contents.Signer)
	if signer == nil {
		return errors.New("nobody vouches for the signer")
	}
	signed := append([]byte("q2q domain bundle 1\x00"), b.Contents.Raw...)
	if err := signer.CheckSignature(algorithms[b.Algorithm.Id.String()], signed, b.Signature.Bytes); err != nil {
		return err
	}
	if v.Time.After(b.Contents.ExpiresAt) {
		return errors.New("its days are over")
	}
	if v.Held != "" {
		held, _, _, err := readBundle(s.Bundles[v.Held])
		if err != nil {
			return err
		}
		same := bytes.Equal(der, s.Bundles[v.Held])
		if b.Contents.Sequence < held.Contents.Sequence || b.Contents.Sequence == held.Contents.Sequence && !same {
			return errors.New("it does not follow the one that is held")
		}
	}
	return compareAfter(s, v, b.Contents, roots)
}

// readBundle: encoding/asn1 checks DER; what the format asks beyond that is asked here.
func readBundle(der []byte) (b bundle, roots, handovers []*x509.Certificate, err error) {
	rest, err := asn1.Unmarshal(der, &b)
	if err != nil {
		return
	}
	c := b.Contents
	if roots, err = certificates(c.Roots); err != nil {
		return
	}
	if handovers, err = certificates(c.Handovers); err != nil {
		return
	}
	switch {
	case len(rest) > 0 || c.leftOver():
		err = errors.New("something follows")
	case c.Version != 1 || c.Sequence < 1 || !c.ExpiresAt.After(c.IssuedAt):
		err = errors.New("version, sequence or times are wrong")
	case c.Domain != strings.ToLower(c.Domain):
		err = errors.New("the domain is not in lower case")
	}
	for i := 1; i < len(c.DeniedKeys); i++ {
		if bytes.Compare(c.DeniedKeys[i-1].Raw, c.DeniedKeys[i].Raw) >= 0 {
			err = errors.New("withdrawn keys are out of order")
		}
	}
	for i, root := range roots {
		if !root.IsCA || i > 0 && bytes.Equal(roots[i-1].Raw, root.Raw) {
			err = errors.New("a root is no CA, or there twice")
		}
	}
	return
}

// leftOver: encoding/asn1 lets a SEQUENCE have more elements than the struct.
func (c contents) leftOver() bool {
	var all []asn1.RawValue
	_, err := asn1.Unmarshal(c.Raw, &all)
	return err != nil || len(all) != 11
}

func certificates(values []asn1.RawValue) (parsed []*x509.Certificate, err error) {
	for _, value := range values {
		certificate, err := x509.ParseCertificate(value.FullBytes)
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, certificate)
	}
	return parsed, nil
}

// follow: the roots that are held, and the keys that they or those before certified; what is withdrawn or not valid leads
// nowhere.
func follow(known, handovers []*x509.Certificate, v bundleCase) (found []*x509.Certificate) {
	for _, root := range known {
		if validAt(root, v) {
			found = append(found, root)
		}
	}
	for i := 0; i < len(found); i++ {
		for _, handover := range handovers {
			fresh := withDigest(found, digestOf(handover)) == nil
			if fresh && validAt(handover, v) && handover.CheckSignatureFrom(found[i]) == nil {
				found = append(found, handover)
			}
		}
	}
	return found
}

func validAt(certificate *x509.Certificate, v bundleCase) bool {
	for _, key := range v.Denied_keys {
		if key == keyId(certificate.RawSubjectPublicKeyInfo) {
			return false
		}
	}
	return certificate.IsCA && !v.Time.Before(certificate.NotBefore) && !v.Time.After(certificate.NotAfter)
}

func withDigest(all []*x509.Certificate, digest []byte) *x509.Certificate {
	for _, certificate := range all {
		if bytes.Equal(digestOf(certificate), digest) {
			return certificate
		}
	}
	return nil
}

func digestOf(certificate *x509.Certificate) []byte {
	digest := sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
	return digest[:]
}

func compareAfter(s suite, v bundleCase, c contents, roots []*x509.Certificate) error {
	if v.After == nil {
		return nil
	}
	same := c.Sequence == v.After.Sequence && len(roots) == len(v.After.Roots)
	for i := 0; same && i < len(roots); i++ {
		same = bytes.Equal(roots[i].Raw, s.Certificates[v.After.Roots[i]])
	}
	denied := []string{}
	for _, entry := range c.DeniedKeys {
		if !entry.Until.Before(v.Time) {
			denied = append(denied, idOfDigest(entry.Key))
		}
	}
	if !same || strings.Join(denied, " ") != strings.Join(v.After.Denied_keys, " ") {
		return fmt.Errorf("afterwards it holds %d roots, number %d, without %q", len(roots), c.Sequence, denied)
	}
	return nil
}
