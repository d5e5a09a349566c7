using System.Net;
using System.Net.Security;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.S3;

/// <summary>What a HEAD tells of an object.</summary>
/// <param name="Length">Bytes.</param>
/// <param name="ETag">With its quotes.</param>
/// <param name="AttemptId">The attempt that made it, when it is one of ours.</param>
internal sealed record ObjectFacts(long Length, string ETag, string? AttemptId);

/// <summary>Bytes that a read gave.</summary>
internal sealed record ReadCount(int Count);

/// <summary>Each request that the driver makes, under a time limit, with its failure classified. The only file that calls the SDK.</summary>
internal sealed class S3Connection : IDisposable
{
    private const string AttemptKey = "glance-attempt";
    private readonly S3Settings settings;
    private readonly TimeProvider time;
    private readonly HttpClient http;
    private readonly AmazonS3Client client;

    public S3Connection(S3Settings settings, TimeProvider time)
    {
        this.settings = settings;
        this.time = time;
        http = MakeHttpClient(settings);
        client = new AmazonS3Client(
            new BasicAWSCredentials(settings.AccessKey, settings.SecretKey),
            new AmazonS3Config
            {
                ServiceURL = settings.Endpoint.GetLeftPart(UriPartial.Authority),
                AuthenticationRegion = settings.Region,
                ForcePathStyle = settings.PathStyle,

                // By default the SDK adds CRC trailers that RadosGW and others refuse. TLS guards the way, the registry's digest the bytes.
                RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
                ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
                HttpClientFactory = new OneHttpClient(http),
                MaxErrorRetry = 2,
            });
    }

    /// <summary>Limits a step that <see cref="GetAsync"/> leaves to its caller: reading the body.</summary>
    public Deadline Limit(CancellationToken cancellationToken, CancellationToken other = default) => new(settings.OperationTimeout, time, cancellationToken, other);

    public Task<Answer<string>> ProbeBucketAsync(CancellationToken cancellationToken) => AskAsync(
        async token =>
        {
            // Not HEAD: its answers have no body, and so no code that tells a wrong key from a missing permission.
            await client.ListObjectsV2Async(new ListObjectsV2Request { BucketName = settings.Bucket, Prefix = S3Names.MarkerPrefix, MaxKeys = 1 }, token);
            return "";
        },
        cancellationToken);

    public Task<Answer<string>> MakeBucketAsync(CancellationToken cancellationToken) => AskAsync(
        async token =>
        {
            // Amazon refuses the name of its first region as a constraint.
            var request = new PutBucketRequest { BucketName = settings.Bucket, UseClientRegion = false };
            if (settings.Region != "us-east-1")
                request.BucketRegionName = settings.Region;
            await client.PutBucketAsync(request, token);
            return "";
        },
        cancellationToken);

    public Task<Answer<ObjectFacts>> DescribeAsync(string key, CancellationToken cancellationToken) => AskAsync(
        async token =>
        {
            var head = await client.GetObjectMetadataAsync(new GetObjectMetadataRequest { BucketName = settings.Bucket, Key = key }, token);
            return new ObjectFacts(head.ContentLength, head.ETag, head.Metadata[AttemptKey]);
        },
        cancellationToken);

    /// <summary>Stores a small text.</summary>
    public Task<Answer<string>> PutTextAsync(string key, string text, bool onlyIfAbsent, CancellationToken cancellationToken) => AskAsync(
        async token =>
        {
            var request = new PutObjectRequest { BucketName = settings.Bucket, Key = key, ContentBody = text };
            if (onlyIfAbsent)
                request.IfNoneMatch = "*";
            await client.PutObjectAsync(request, token);
            return "";
        },
        cancellationToken);

    /// <summary>Reads a small text.</summary>
    public Task<Answer<string>> GetTextAsync(string key, CancellationToken cancellationToken) => AskAsync(
        async token =>
        {
            using var answer = await client.GetObjectAsync(new GetObjectRequest { BucketName = settings.Bucket, Key = key }, token);
            using var reader = new StreamReader(answer.ResponseStream);
            return await reader.ReadToEndAsync(token);
        },
        cancellationToken);

    /// <summary>Stores an object in one request.</summary>
    public async Task<Answer<string>> PutAsync(WriteAttempt attempt, Part part, bool onlyIfAbsent, CancellationToken cancellationToken)
    {
        using var limit = Limit(cancellationToken);
        return await AskAsync(
            async token =>
            {
                await using var body = new WatchedStream(part.OpenRead(), limit.Extend);
                var request = new PutObjectRequest
                {
                    BucketName = settings.Bucket,
                    Key = attempt.ImageId,
                    InputStream = body,
                    AutoCloseStream = false,
                    ContentType = "application/octet-stream",
                    DisablePayloadSigning = settings.IsTls,
                };
                request.Metadata[AttemptKey] = attempt.AttemptId;
                if (onlyIfAbsent)
                    request.IfNoneMatch = "*";
                await client.PutObjectAsync(request, token);
                return "";
            },
            limit,
            cancellationToken);
    }

    /// <summary>Starts a multipart upload; its id.</summary>
    public Task<Answer<string>> StartUploadAsync(WriteAttempt attempt, CancellationToken cancellationToken) => AskAsync(
        async token =>
        {
            var request = new InitiateMultipartUploadRequest { BucketName = settings.Bucket, Key = attempt.ImageId, ContentType = "application/octet-stream" };
            request.Metadata[AttemptKey] = attempt.AttemptId;
            return (await client.InitiateMultipartUploadAsync(request, token)).UploadId;
        },
        cancellationToken);

    /// <summary>Sends one part; its ETag.</summary>
    public async Task<Answer<string>> SendPartAsync(string key, string uploadId, int number, Part part, CancellationToken cancellationToken)
    {
        using var limit = Limit(cancellationToken);
        return await AskAsync(
            async token =>
            {
                await using var body = new WatchedStream(part.OpenRead(), limit.Extend);
                var request = new UploadPartRequest
                {
                    BucketName = settings.Bucket,
                    Key = key,
                    UploadId = uploadId,
                    PartNumber = number,
                    PartSize = part.Length,
                    InputStream = body,
                    DisablePayloadSigning = settings.IsTls,
                };
                return (await client.UploadPartAsync(request, token)).ETag;
            },
            limit,
            cancellationToken);
    }

    /// <summary>Makes an object of the parts.</summary>
    public Task<Answer<string>> CompleteUploadAsync(string key, string uploadId, IReadOnlyList<string> etags, bool onlyIfAbsent, CancellationToken cancellationToken) => AskAsync(
        async token =>
        {
            var request = new CompleteMultipartUploadRequest
            {
                BucketName = settings.Bucket,
                Key = key,
                UploadId = uploadId,
                PartETags = [.. etags.Select((etag, index) => new PartETag(index + 1, etag))],
            };
            if (onlyIfAbsent)
                request.IfNoneMatch = "*";
            await client.CompleteMultipartUploadAsync(request, token);
            return "";
        },
        cancellationToken);

    public Task<Answer<string>> AbortUploadAsync(string key, string uploadId, CancellationToken cancellationToken) => AskAsync(
        async token =>
        {
            await client.AbortMultipartUploadAsync(new AbortMultipartUploadRequest { BucketName = settings.Bucket, Key = key, UploadId = uploadId }, token);
            return "";
        },
        cancellationToken);

    /// <summary>The ids of all multipart uploads of one key.</summary>
    public async Task<IReadOnlyList<string>> ListUploadsAsync(string key, CancellationToken cancellationToken)
    {
        var found = new List<string>();
        var request = new ListMultipartUploadsRequest { BucketName = settings.Bucket, Prefix = key };
        while (true)
        {
            var page = (await AskAsync(token => client.ListMultipartUploadsAsync(request, token), cancellationToken)).OrFault("The unfinished uploads could not be listed", key);
            found.AddRange((page.MultipartUploads ?? []).Where(upload => upload.Key == key).Select(upload => upload.UploadId));
            if (page.IsTruncated is not true)
                return found;
            (request.KeyMarker, request.UploadIdMarker) = (page.NextKeyMarker, page.NextUploadIdMarker);
        }
    }

    /// <summary>Keys that begin alike, with their sizes and times.</summary>
    public async IAsyncEnumerable<S3Object> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var request = new ListObjectsV2Request { BucketName = settings.Bucket, Prefix = prefix };
        while (true)
        {
            var page = (await AskAsync(token => client.ListObjectsV2Async(request, token), cancellationToken)).OrFault($"The bucket '{settings.Bucket}' could not be listed");
            foreach (var found in page.S3Objects ?? [])
                yield return found;
            if (page.IsTruncated is not true)
                yield break;
            request.ContinuationToken = page.NextContinuationToken;
        }
    }

    public Task<Answer<string>> DeleteAsync(string key, CancellationToken cancellationToken) => AskAsync(
        async token =>
        {
            await client.DeleteObjectAsync(new DeleteObjectRequest { BucketName = settings.Bucket, Key = key }, token);
            return "";
        },
        cancellationToken);

    /// <summary>Asks for a range; the answer's body is the caller's to read, under <paramref name="limit"/>, and to dispose.</summary>
    public Task<Answer<GetObjectResponse>> GetAsync(string key, string etag, long offset, long end, Deadline limit, CancellationToken cancellationToken) => AskAsync(
        token => client.GetObjectAsync(
            new GetObjectRequest { BucketName = settings.Bucket, Key = key, EtagToMatch = etag, ByteRange = new ByteRange(offset, end - 1) }, token),
        limit,
        cancellationToken);

    /// <summary>Reads from an answer's body.</summary>
    public Task<Answer<ReadCount>> ReadAsync(Stream body, Memory<byte> buffer, Deadline limit, CancellationToken cancellationToken) =>
        AskAsync(async token => new ReadCount(await body.ReadAsync(buffer, token)), limit, cancellationToken);

    public void Dispose()
    {
        client.Dispose();
        http.Dispose();
    }

    private async Task<Answer<T>> AskAsync<T>(Func<CancellationToken, Task<T>> request, CancellationToken cancellationToken)
        where T : class
    {
        using var limit = Limit(cancellationToken);
        return await AskAsync(request, limit, cancellationToken);
    }

    private async Task<Answer<T>> AskAsync<T>(Func<CancellationToken, Task<T>> request, Deadline limit, CancellationToken cancellationToken)
        where T : class
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            return new Answer<T>(await request(limit.Token), null);
        }
        catch (Exception exception) when (cancellationToken.IsCancellationRequested && exception is not StoreException)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        catch (Exception exception) when (limit.Token.IsCancellationRequested && exception is not StoreException)
        {
            return new Answer<T>(
                null,
                new Refusal(RefusalKind.Fault, StoreError.TimedOut, $"{settings.Endpoint.Authority} was silent for longer than operation_timeout ({settings.OperationTimeout.TotalSeconds:0.#} s)."));
        }
        catch (Exception exception) when (Refusal.Of(exception, settings) is { } refusal)
        {
            return new Answer<T>(null, refusal);
        }
    }

    private static HttpClient MakeHttpClient(S3Settings settings)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectTimeout = settings.OperationTimeout,
            PooledConnectionLifetime = TimeSpan.FromMinutes(15),
        };
        if (settings.CaFile is { } file)
            handler.SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = PolicyOf(file) };
        return new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
    }

    private static X509ChainPolicy PolicyOf(string file)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        try
        {
            policy.CustomTrustStore.ImportFromPemFile(file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new StoreException(StoreError.Misconfigured, $"ca_file '{file}' cannot be read: {exception.Message}");
        }

        return policy.CustomTrustStore.Count > 0
            ? policy
            : throw new StoreException(StoreError.Misconfigured, $"ca_file '{file}' holds no certificate in PEM form.");
    }

    /// <summary>Gives the SDK the store's own client, which ends with the store; the SDK would cache its clients for ever.</summary>
    private sealed class OneHttpClient(HttpClient http) : HttpClientFactory
    {
        public override HttpClient CreateHttpClient(IClientConfig clientConfig) => http;

        public override bool UseSDKHttpClientCaching(IClientConfig clientConfig) => false;

        public override bool DisposeHttpClientsAfterUse(IClientConfig clientConfig) => false;
    }
}
