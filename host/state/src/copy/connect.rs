//! Connections to one server, to the master that sentinels name, or to a cluster.

use crate::redis_settings::{RedisMode, RedisSettings};
use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, RedisConnectionInfo, RedisResult,
    TlsCertificates, TlsMode, Value,
};

/// A connection that many can ask at once.
pub(super) enum Line {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Line {
    /// Connects, within the time-outs of the settings.
    pub async fn connect(settings: &RedisSettings) -> RedisResult<Self> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(settings.connect_limit))
            .set_response_timeout(Some(settings.write_limit));
        match &settings.mode {
            RedisMode::Single => {
                let first = settings.addresses.first().map(|address| info(settings, address)).transpose()?;
                let first = first.ok_or((redis::ErrorKind::InvalidClientConfig, "no address is given"))?;
                let client = match certificates(settings) {
                    Some(certificates) => Client::build_with_tls(first, certificates)?,
                    None => Client::open(first)?,
                };
                Ok(Self::One(client.get_multiplexed_async_connection_with_config(&config).await?))
            }
            RedisMode::Sentinel { master, login } => {
                let sentinels = settings.addresses.iter().map(|address| address_of(settings, address));
                let mut builder = SentinelClientBuilder::new(sentinels, master, SentinelServerType::Master)?;
                if let Some(certificates) = certificates(settings) {
                    builder = builder
                        .set_client_to_redis_tls_mode(TlsMode::Secure)
                        .set_client_to_redis_certificates(certificates.clone())
                        .set_client_to_sentinel_tls_mode(TlsMode::Secure)
                        .set_client_to_sentinel_certificates(certificates);
                }
                if let Some(own) = &settings.login {
                    builder = builder.set_client_to_redis_username(&own.user).set_client_to_redis_password(own.password.expose());
                }
                if let Some(login) = login {
                    builder = builder.set_client_to_sentinel_username(&login.user).set_client_to_sentinel_password(login.password.expose());
                }
                Ok(Self::One(builder.build()?.get_async_connection_with_config(&config).await?))
            }
            RedisMode::Cluster => {
                let nodes = settings.addresses.iter().map(|address| info(settings, address)).collect::<RedisResult<Vec<_>>>()?;
                let mut builder = ClusterClient::builder(nodes)
                    .connection_timeout(settings.connect_limit)
                    .response_timeout(settings.write_limit)
                    .retries(1)
                    .min_retry_wait(5)
                    .max_retry_wait(20);
                if let Some(certificates) = certificates(settings) {
                    builder = builder.tls(TlsMode::Secure).certs(certificates);
                }
                Ok(Self::Cluster(builder.build()?.get_async_connection().await?))
            }
        }
    }

    /// Asks and waits for the answer; an answer that is an error is one.
    pub async fn ask(&self, cmd: &Cmd) -> RedisResult<Value> {
        match self {
            Self::One(connection) => cmd.query_async(&mut connection.clone()).await,
            Self::Cluster(connection) => cmd.query_async(&mut connection.clone()).await,
        }
    }
}

fn address_of(settings: &RedisSettings, (host, port): &(String, u16)) -> ConnectionAddr {
    match settings.tls {
        Some(_) => ConnectionAddr::TcpTls { host: host.clone(), port: *port, insecure: false, tls_params: None },
        None => ConnectionAddr::Tcp(host.clone(), *port),
    }
}

fn info(settings: &RedisSettings, address: &(String, u16)) -> RedisResult<ConnectionInfo> {
    let mut redis = RedisConnectionInfo::default();
    if let Some(login) = &settings.login {
        redis = redis.set_username(&login.user).set_password(login.password.expose());
    }
    Ok(address_of(settings, address).into_connection_info()?.set_redis_settings(redis))
}

fn certificates(settings: &RedisSettings) -> Option<TlsCertificates> {
    let tls = settings.tls.as_ref()?;
    Some(TlsCertificates { client_tls: None, root_cert: tls.roots_pem.clone() })
}
