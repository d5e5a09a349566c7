namespace GlanceGateway.Fuse;

/// <summary>A mount that a keeper holds.</summary>
/// <param name="MountPoint">Absolute path.</param>
/// <param name="User">For whom it was mounted.</param>
/// <param name="Process">Who serves it; 0 when nobody does.</param>
/// <param name="Generation">How many servers it has had.</param>
/// <param name="Registrations">Backing files that are registered.</param>
public sealed record KeptMountEntry(string MountPoint, uint User, int Process, uint Generation, int Registrations);
