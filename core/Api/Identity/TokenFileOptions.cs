namespace GlanceGateway.Api;

/// <summary>A file that lists tokens.</summary>
/// <param name="Path">The file, watched for changes.</param>
/// <param name="Read">Reads it; what it throws says in its message what is wrong with the file.</param>
public sealed record TokenFileOptions(string Path, Func<IReadOnlyList<TokenGrant>> Read);
