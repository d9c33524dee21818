// The vectors of docs/vectors.md through crypto/x509: the suite on standard input, one result per case on standard
// output. What crypto/x509 has no notion of (mailboxes as reference names, key ids, lists of what is withdrawn) is compared here.
package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"strings"
	"time"
)

type suite struct {
	Certificates map[string][]byte
	Crls         map[string][]byte
	Bundles      map[string][]byte
	Cases        []vector
	Bundle_cases []bundleCase
}

type vector struct {
	Id, Kind, Role, Leaf   string
	Intermediates, Anchors []string
	Crls                   []string
	Time                   time.Time
	Expected               struct{ Dns, Ip, Name, Key, Domain string }
	Denied_keys            []string
	Denied_certificates    []struct{ Issuer, Serial string }
	Judges                 struct{ Go *string }
}

type result struct {
	Id      string `json:"id"`
	Result  string `json:"result"`
	Context string `json:"context"`
}

func main() {
	var s suite
	if err := json.NewDecoder(os.Stdin).Decode(&s); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	results := []result{}
	add := func(id string, err error) {
		if err != nil {
			results = append(results, result{id, "FAILURE", err.Error()})
		} else {
			results = append(results, result{id, "SUCCESS", ""})
		}
	}
	for _, v := range s.Cases {
		if v.Judges.Go != nil {
			add(v.Id, judge(s, v))
		}
	}
	for _, v := range s.Bundle_cases {
		add(v.Id, judgeBundle(s, v))
	}
	json.NewEncoder(os.Stdout).Encode(results)
}

func judge(s suite, v vector) error {
	leaf, err := x509.ParseCertificate(s.Certificates[v.Leaf])
	if err != nil {
		return fmt.Errorf("leaf: %w", err)
	}
	roots, err := parse(s, v.Anchors)
	if err != nil {
		return fmt.Errorf("anchor: %w", err)
	}
	others, err := parse(s, v.Intermediates)
	if err != nil && v.Kind != "client" && v.Kind != "server" {
		return fmt.Errorf("intermediate: %w", err)
	}
	if v.Kind == "key" {
		if err := ownKey(leaf, v.Expected.Key); err != nil {
			return err
		}
		roots = []*x509.Certificate{leaf}
	}
	options := x509.VerifyOptions{
		Roots: pool(roots), Intermediates: pool(others), CurrentTime: v.Time,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		DNSName:   v.Expected.Dns + v.Expected.Domain,
	}
	if v.Role == "server" {
		options.KeyUsages[0] = x509.ExtKeyUsageServerAuth
	}
	if v.Expected.Ip != "" {
		options.DNSName = "[" + v.Expected.Ip + "]"
	}
	chains, err := leaf.Verify(options)
	if err != nil {
		return err
	}
	if err := denied(v, chains); err != nil {
		return err
	}
	if err := revoked(s, v, chains[0]); err != nil {
		return err
	}
	if v.Expected.Name != "" {
		return mailbox(leaf, v.Expected.Name)
	}
	return nil
}

// parse leaves out what it cannot read, and says so.
func parse(s suite, names []string) (parsed []*x509.Certificate, first error) {
	for _, name := range names {
		certificate, err := x509.ParseCertificate(s.Certificates[name])
		if err == nil {
			parsed = append(parsed, certificate)
		} else if first == nil {
			first = err
		}
	}
	return parsed, first
}

func pool(certificates []*x509.Certificate) *x509.CertPool {
	made := x509.NewCertPool()
	for _, certificate := range certificates {
		made.AddCert(certificate)
	}
	return made
}

func mailbox(leaf *x509.Certificate, wanted string) error {
	for _, held := range leaf.EmailAddresses {
		if held == wanted {
			return nil
		}
	}
	return fmt.Errorf("certificate is for %q, wanted %q", leaf.EmailAddresses, wanted)
}

// denied: one chain must be left of which nothing is withdrawn.
func denied(v vector, chains [][]*x509.Certificate) (first error) {
	for _, chain := range chains {
		err := deniedIn(v, chain)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return first
}

func deniedIn(v vector, chain []*x509.Certificate) error {
	for i, certificate := range chain {
		id := keyId(certificate.RawSubjectPublicKeyInfo)
		for _, key := range v.Denied_keys {
			if key == id {
				return errors.New("a key is withdrawn")
			}
		}
		for _, one := range v.Denied_certificates {
			serial, err := hex.DecodeString(one.Serial)
			if err != nil {
				return err
			}
			same := new(big.Int).SetBytes(serial).Cmp(certificate.SerialNumber) == 0
			if same && i+1 < len(chain) && one.Issuer == keyId(chain[i+1].RawSubjectPublicKeyInfo) {
				return errors.New("a certificate is withdrawn")
			}
		}
	}
	return nil
}

// revoked: lists of an issuer count where one of them is good; crypto/x509 reads lists and checks their signatures, dates
// and contents are for its callers to compare.
func revoked(s suite, v vector, chain []*x509.Certificate) error {
	for i := 1; i < len(chain); i++ {
		var fault error
		good := false
		for _, name := range v.Crls {
			list, err := x509.ParseRevocationList(s.Crls[name])
			if err != nil {
				return err
			}
			if !bytes.Equal(list.RawIssuer, chain[i].RawSubject) {
				continue
			}
			if err := usable(list, chain[i], v.Time); err != nil {
				fault = err
				continue
			}
			good = true
			for _, entry := range list.RevokedCertificates {
				if entry.SerialNumber.Cmp(chain[i-1].SerialNumber) == 0 {
					return errors.New("revoked")
				}
			}
		}
		if !good && fault != nil {
			return fault
		}
	}
	return nil
}

func usable(list *x509.RevocationList, issuer *x509.Certificate, now time.Time) error {
	if err := list.CheckSignatureFrom(issuer); err != nil {
		return err
	}
	if now.Before(list.ThisUpdate) || now.After(list.NextUpdate) {
		return errors.New("the list is out of date")
	}
	for _, extension := range list.Extensions {
		if extension.Critical {
			return errors.New("the list has a critical extension")
		}
	}
	return nil
}

// ownKey: a certificate that signs itself, and a key with that id.
func ownKey(leaf *x509.Certificate, wanted string) error {
	if bytes.Equal(leaf.RawSubject, leaf.RawIssuer) {
		if err := leaf.CheckSignature(leaf.SignatureAlgorithm, leaf.RawTBSCertificate, leaf.Signature); err != nil {
			return err
		}
	}
	if wanted == "" || keyId(leaf.RawSubjectPublicKeyInfo) == wanted {
		return nil
	}
	return errors.New("the key has another id")
}

func keyId(spki []byte) string {
	digest := sha256.Sum256(spki)
	return idOfDigest(digest[:])
}

// SHA-256 of the SubjectPublicKeyInfo, two octets of checksum, one of version.
func idOfDigest(digest []byte) string {
	check := sha256.Sum256(append(append([]byte("q2q key id"), digest...), 1))
	id := append(append([]byte{}, digest...), check[0], check[1], 1)
	return strings.ToLower(base32.StdEncoding.EncodeToString(id))
}
