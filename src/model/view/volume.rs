//! The fields of a volume that decide.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::json::{Text, object};

#[derive(Debug, Default, Deserialize)]
#[serde(
    remote = "Self",
    default,
    rename_all = "camelCase",
    bound(deserialize = "'de: 'a")
)]
pub struct Volume<'a> {
    pub name: Text<'a>,
    pub host_path: Option<HostPathSource<'a>>,
    /// Fibre Channel.
    fc: Option<IgnoredAny>,
    /// Present for an `emptyDir`.
    pub empty_dir: Option<IgnoredAny>,
    /// A claim. Two volumes may name the same one.
    pub persistent_volume_claim: Option<ClaimSource<'a>>,
    config_map: Option<IgnoredAny>,
    secret: Option<IgnoredAny>,
    projected: Option<IgnoredAny>,
    #[serde(rename = "downwardAPI")]
    downward_api: Option<IgnoredAny>,
    image: Option<IgnoredAny>,
    nfs: Option<IgnoredAny>,
    azure_file: Option<IgnoredAny>,
    flex_volume: Option<IgnoredAny>,
}

/// Where the kubelet looks for the disk of an `fc` volume: it takes every SCSI disk with the name that the Pod asks for,
/// the node's own and their partitions among them. Source: kubernetes, `pkg/volume/fc/fc_util.go`, `searchDisk`.
const FC_DISKS: &str = "/dev/disk/by-id";

impl Volume<'_> {
    /// The path of the node that a mount of it shows, or that the kubelet takes it from.
    pub fn node_path(&self) -> Option<&str> {
        match (&self.host_path, &self.fc) {
            (Some(source), _) => Some(&source.path),
            (None, Some(_)) => Some(FC_DISKS),
            (None, None) => None,
        }
    }

    /// Whether the kubelet fills it before any container starts, and containers cannot write to it.
    pub fn is_written_by_kubelet(&self) -> bool {
        let Self {
            config_map,
            secret,
            projected,
            downward_api,
            image,
            ..
        } = self;
        [config_map, secret, projected, downward_api, image]
            .iter()
            .any(|source| source.is_some())
    }

    /// The volume's field, if no idmapped mount is made of it: a Pod in a user namespace cannot have it. Linux
    /// makes none of NFS and SMB, and containerd before 2.1 none of an image. What a claim or a CSI driver leads
    /// to is not known here.
    /// Sources: Linux 6.12, the users of `FS_ALLOW_IDMAP`; containerd's issue 12812.
    pub fn without_idmapped_mounts(&self) -> Option<&'static str> {
        let Self {
            nfs,
            azure_file,
            flex_volume,
            image,
            ..
        } = self;
        let kinds = [
            (nfs, "nfs"),
            (azure_file, "azureFile"),
            (flex_volume, "flexVolume"),
            (image, "image"),
        ];
        kinds
            .into_iter()
            .find_map(|(source, field)| source.as_ref().map(|_| field))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    remote = "Self",
    default,
    rename_all = "camelCase",
    bound(deserialize = "'de: 'a")
)]
pub struct ClaimSource<'a> {
    pub claim_name: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    remote = "Self",
    default,
    rename_all = "camelCase",
    bound(deserialize = "'de: 'a")
)]
pub struct HostPathSource<'a> {
    pub path: Text<'a>,
    /// What must exist there, or is created before any container starts. Empty means no check.
    #[serde(rename = "type")]
    pub kind: Text<'a>,
}

object!(Volume<'a>, HostPathSource<'a>, ClaimSource<'a>);
