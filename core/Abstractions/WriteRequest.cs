namespace GlanceGateway.Abstractions;

/// <summary>Names one try to write one image. The host records it durably before the first byte.</summary>
/// <param name="ImageId">A UUID in its 36-character form: safe as a file or object name.</param>
/// <param name="AttemptId">32 lower-case hexadecimal digits, unique for ever.</param>
public sealed record WriteAttempt(string ImageId, string AttemptId);

/// <summary>What a driver is told before the first byte.</summary>
/// <param name="Attempt">Whose bytes these are.</param>
/// <param name="DeclaredSize">Bytes to come, or null when the sender does not know. Zero means an empty image. The host ends a
/// transfer that differs; a driver may rely on it for allocation only.</param>
/// <param name="ProjectId">The project that owns the image, for backends that have a place for each; null when there is none. Only here: a
/// driver that needs it to settle the attempt keeps it in the backend.</param>
public sealed record WriteRequest(WriteAttempt Attempt, long? DeclaredSize, string? ProjectId);

/// <summary>A finished object.</summary>
/// <param name="Location">The location URI that the registry keeps; never holds a secret.</param>
/// <param name="Size">Bytes in the object.</param>
/// <param name="Metadata">Location metadata for consumers that read the backend directly; may be empty.</param>
public sealed record StoredObject(string Location, long Size, IReadOnlyDictionary<string, string> Metadata);

/// <summary>Something that an attempt left in the backend.</summary>
/// <param name="Attempt">The attempt that made it.</param>
/// <param name="Name">The backend's name for it, for the operator.</param>
/// <param name="Size">Bytes it occupies, null when unknown.</param>
/// <param name="ModifiedAt">Its last change, null when unknown.</param>
public sealed record Residue(WriteAttempt Attempt, string Name, long? Size, DateTimeOffset? ModifiedAt);
