//! Whom we trust over TLS: the public roots, and those that the operator adds.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use thiserror::Error;

/// Why the operator's certificates cannot be used.
#[derive(Debug, Error)]
pub enum CertificateError {
    #[error("cannot read the PEM file of further certificates")]
    Pem(#[source] rustls::pki_types::pem::Error),
    #[error("the file of further certificates holds none")]
    Empty,
    #[error("cannot trust a further certificate, or set up TLS")]
    Tls(#[source] rustls::Error),
}

/// The certificates of a PEM text; an empty text has none.
pub(crate) fn further(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    if pem.is_empty() {
        return Ok(Vec::new());
    }
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(CertificateError::Pem)?;
    if found.is_empty() { Err(CertificateError::Empty) } else { Ok(found) }
}

/// TLS 1.2 and 1.3 with certificates checked; speaks HTTP/1.1 only.
pub(crate) fn client(further: &[CertificateDer<'static>]) -> Result<Arc<ClientConfig>, CertificateError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for certificate in further {
        roots.add(certificate.clone()).map_err(CertificateError::Tls)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(CertificateError::Tls)?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
