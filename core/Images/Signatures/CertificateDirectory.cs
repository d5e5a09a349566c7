namespace GlanceGateway.Images;

/// <summary>Certificates in files: <c>UUID.pem</c>, <c>UUID.crt</c> or <c>UUID.der</c>, looked for in this order at each use.</summary>
public sealed class CertificateDirectory(string directory) : ICertificateSource
{
    private const UnixFileMode WritableByOthers = UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;

    private static readonly string[] endings = [".pem", ".crt", ".der"];

    /// <summary>Why a file or directory is not trusted; null when it is.</summary>
    /// <remarks>Whoever can write it decides which signatures hold.</remarks>
    public static string? ObjectionTo(string path) => (File.GetUnixFileMode(path) & WritableByOthers) != UnixFileMode.None
        ? $"others than its owner may write {path}, and so decide which signatures hold; 'chmod go-w {path}' ends that"
        : null;

    /// <inheritdoc/>
    public async ValueTask<byte[]?> FindAsync(string id, Caller caller, CancellationToken cancellationToken)
    {
        foreach (var ending in endings)
        {
            var path = Path.Join(directory, id + ending);
            try
            {
                if (ObjectionTo(directory) is not null || ObjectionTo(path) is not null)
                {
                    throw new ImageException(ImageError.Unavailable, "The certificate of the signature is not kept safely; an operator has to see to it.");
                }

                await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.Asynchronous);
                var bytes = new byte[ICertificateSource.MostBytes];
                return bytes[..await file.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellationToken)];
            }
            catch (Exception absent) when (absent is FileNotFoundException or DirectoryNotFoundException)
            {
                // Perhaps it has another ending.
            }
            catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
            {
                throw new ImageException(ImageError.Unavailable, "The certificate of the signature cannot be read for now.", fault);
            }
        }

        return null;
    }
}
